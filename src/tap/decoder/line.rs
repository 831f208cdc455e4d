//! The line that bytes end in which are not decoded.
//!
//! Whoever looks for header lines in such bytes has to know the name that a value belongs to, and reads cut lines
//! anywhere, between a name and its value too.

/// How the line begins that the next bytes may continue; of a long one no more than a name takes.
#[derive(Debug, Default)]
pub(super) struct Line {
    begin: Vec<u8>,
}

impl Line {
    /// The beginning.
    pub(super) fn begin(&self) -> &[u8] {
        &self.begin
    }

    /// Takes in the next bytes.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        let starts = ends.map(|(end, _)| end + 1).chain(self.begin.ends_with(b"\n").then_some(0));
        // One that begins with a blank continues the one before it (RFC 9112 section 5.2), as the next one may.
        let is_own = |start: &usize| bytes.get(*start).is_some_and(|byte| !matches!(byte, b' ' | b'\t'));
        let start = starts.into_iter().find(is_own);
        if start.is_some() {
            self.begin.clear();
        }
        let rest = bytes.get(start.unwrap_or(0)..).unwrap_or_default();
        let room = BEGIN_BYTES.saturating_sub(self.begin.len());
        self.begin.extend_from_slice(rest.get(..room).unwrap_or(rest));
        // What finds no room says all the same whether the line has ended.
        match (rest.len() > room, rest.ends_with(b"\n"), self.begin.ends_with(b"\n")) {
            (true, true, false) => self.begin.push(b'\n'),
            (true, false, true) => drop(self.begin.pop()),
            _ => {}
        }
    }
}

const BEGIN_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(reads: &[&str]) -> String {
        let mut line = Line::default();
        reads.iter().for_each(|read| line.extend(read.as_bytes()));
        String::from_utf8(line.begin().to_vec()).unwrap()
    }

    #[test]
    fn it_is_the_last_one_with_those_that_continue_it() {
        assert_eq!(line(&["GET / HTTP/1.1\r\nHo"]), "Ho");
        assert_eq!(line(&["a: b\r\nHo", "st", ": x"]), "Host: x");
        assert_eq!(line(&["Host: x\r\n"]), "Host: x\r\n");
        assert_eq!(line(&["Host: x\r\n", "a: b"]), "a: b");
        assert_eq!(line(&["a: b\r\nHost:\r\n", " x\r\n", "\ty\r\n"]), "Host:\r\n x\r\n\ty\r\n");
        assert_eq!(line(&["Host: x\r\n\r\n", "\0"]), "\0");
    }

    #[test]
    fn how_it_is_cut_does_not_matter() {
        let text = "a: b\r\nHost:\r\n x\r\n y\r\nCookie: a\r\n";
        for length in 0..=text.len() {
            let (first, second) = text.split_at(length);
            assert_eq!(line(&[first, second]), "Cookie: a\r\n", "{length}");
        }
    }

    #[test]
    fn a_long_one_costs_no_more_than_its_beginning_and_keeps_its_end() {
        let long = "x".repeat(1000);
        assert_eq!(line(&["Cookie: ", &long, &long]).len(), 256);
        assert!(line(&["Cookie: ", &long, "\r\n"]).ends_with("x\n"));
        assert_eq!(line(&["Cookie: ", &long, "\r\n", " ", &long, "\r\n"]).len(), 257);
        assert_eq!(line(&["Cookie: ", &long, "\r\n", "a: b"]), "a: b");
    }

    #[test]
    fn what_continues_a_long_one_may_be_cut_too() {
        let long = "x".repeat(1000);
        let folded = ["Cookie: ", &long, "\r\n", " a", "b"];
        assert_eq!(line(&folded).find('\n'), None);
        assert!(line(&folded).starts_with("Cookie: xx"), "{}", line(&folded));
        assert!(line(&[&folded[..], &["\r\n"]].concat()).ends_with("x\n"));
        let full = format!("Cookie: {}\r\n", "x".repeat(246));
        assert!(line(&[&format!("{full} a"), "b"]).starts_with("Cookie: xx"));
    }
}
