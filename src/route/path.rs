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
    if path.windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f") || escape.eq_ignore_ascii_case(b"%2e")) {
        return Some("an encoded slash or dot");
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
        for path in ["", "*", "/", "/a", "/a/", "/a/.b/c..", "/a.b.C/D", "/a?b=//;/../%2f#", "/a%20b%2"] {
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
