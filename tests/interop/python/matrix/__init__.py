"""The interop matrix: every client against every server, direct and through Spliceway, the same outcome required."""
