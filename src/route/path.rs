//! How much of `:path` may be trusted, and what gRPC puts into it.
//!
//! Routing compares raw bytes. A backend may decode and normalise before it compares, so `/public/..%2fadmin` begins
//! with `/public/` for us and is `/admin` for it. Whoever routes by a part of a path therefore asks for
//! [`ambiguity`] first; whoever compares all of it need not. The query is left out: no reader looks for segments there.

/// What makes the path mean different things to different readers (RFC 3986 sections 3.3 and 6.2.2).
pub(super) fn ambiguity(path: &[u8]) -> Option<&'static str> {
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    for byte in path {
        match byte {
            b'\\' => return Some("a backslash"),
            b';' => return Some("a `;`"),
            b'#' => return Some("a `#`"),
            _ => {}
        }
    }
    if let Some(reason) = path.windows(3).find_map(needless_escape) {
        return Some(reason);
    }
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            b"." | b".." => return Some("a dot segment"),
            b"" if segments.peek().is_some() => return Some("an empty segment"),
            _ => {}
        }
    }
    None
}

/// An encoded byte that readers take for the byte itself: one that needs no code (RFC 3986 section 6.2.2.2), or one that
/// divides paths. `/%61dmin` is `/admin` to whoever normalises.
fn needless_escape(bytes: &[u8]) -> Option<&'static str> {
    let [b'%', high, low] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match digit(high)? << 4 | digit(low)? {
        b'/' | b'.' => Some("an encoded slash or dot"),
        b'\\' => Some("an encoded backslash"),
        b'-' | b'_' | b'~' => Some("an encoded character that needs no code"),
        byte if byte.is_ascii_alphanumeric() => Some("an encoded character that needs no code"),
        _ => None,
    }
}

/// Service and method of a gRPC request, whose path is `/package.Service/Method` and nothing else.
///
/// Absent where the path is ambiguous: a service is a part of it.
pub(super) fn service_and_method(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut segments = path.strip_prefix(b"/")?.split(|byte| *byte == b'/');
    let (service, method) = (segments.next()?, segments.next()?);
    let whole = segments.next().is_none() && !service.is_empty() && !method.is_empty();
    (whole && ambiguity(path).is_none()).then_some((service, method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_mean_one_thing() {
        for path in [
            "",
            "*",
            "/",
            "/a",
            "/a/",
            "/a/.b/c..",
            "/a.b.C/D",
            "/a?b=//;/../%2f#%61",
            "/a%20b%2",
            "/%c3%bc",
            "/%3b%23%25%zz%",
        ] {
            assert_eq!(ambiguity(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn each_ambiguity_is_named() {
        for (path, expected) in [
            ("//", "an empty segment"),
            ("//a", "an empty segment"),
            ("/a//b", "an empty segment"),
            ("/a//", "an empty segment"),
            ("/a/../b", "a dot segment"),
            ("/a/..", "a dot segment"),
            ("/./a", "a dot segment"),
            ("/.?x", "a dot segment"),
            ("/a%2fb", "an encoded slash or dot"),
            ("/a%2Fb", "an encoded slash or dot"),
            ("/%2e", "an encoded slash or dot"),
            ("/%2E./", "an encoded slash or dot"),
            ("/%61dmin", "an encoded character that needs no code"),
            ("/a%5Ab", "an encoded character that needs no code"),
            ("/a%7e", "an encoded character that needs no code"),
            ("/a%5cb", "an encoded backslash"),
            ("/a\\b", "a backslash"),
            ("/a;b", "a `;`"),
            ("/a#b", "a `#`"),
        ] {
            assert_eq!(ambiguity(path.as_bytes()), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_grpc_path_has_two_segments() {
        assert_eq!(service_and_method(b"/shop.v1.Cart/Add"), Some((&b"shop.v1.Cart"[..], &b"Add"[..])));
        for path in ["", "/", "/a", "/a/", "//b", "/a/b/", "/a/b/c", "a/b", "/a/..", "/a/b;c", "/a%2eb/c"] {
            assert_eq!(service_and_method(path.as_bytes()), None, "{path}");
        }
    }
}
