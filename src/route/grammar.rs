//! The text of a match: `key op value` terms, side by side when all must hold, with ` | ` between alternatives.
//!
//! ```text
//! match       = alternative *( " | " alternative )
//! alternative = term *( blanks term )
//! term        = key ( "=" / "!=" / "^=" / "~=" ) value        ; no blanks around the operator
//! value       = text without blanks, `|` and `"`  /  quoted   ; never empty
//! quoted      = `"` text with \" for `"` and \\ for `\` `"`
//! ```
//!
//! Every mistake is an error that says where, since a rule that means something else than it says sends connections to
//! the wrong backend. What the keys and the operators mean stands in `key` and `term`.

use super::error::{MatchError, Spanned};
use super::facts::Facts;
use super::key::Key;
use super::operator::Operator;
use super::term::Term;

/// A condition on the facts of a connection.
///
/// | operator | holds when one of the key's values                                                  |
/// |----------|-------------------------------------------------------------------------------------|
/// | `=`      | is equal; for `source` and `destination`, is in the network                         |
/// | `!=`     | (the opposite of `=`, so it holds where the key has no value at all)                |
/// | `^=`     | begins so                                                                           |
/// | `~=`     | matches the regex as a whole: `x~=a` is not true of `banana`, `x~=.*a.*` is         |
///
/// Values are compared byte by byte; only host names (`:authority`, `sni`) have no case. `sni=*.example.com` holds for
/// every name below example.com, however deep. `service` and `method` are those of a gRPC path
/// `/package.Service/Method`. A `:path` that backends understand in different ways (`//`, `/../`, `%2f`, `;` and the
/// like before the query) satisfies neither `:path^=` nor `:path~=`, and has no service and no method.
#[derive(Clone, Debug)]
pub struct Match {
    /// One of them must hold. Neither this nor an alternative is empty.
    alternatives: Vec<Vec<Term>>,
}

impl Match {
    /// Reads one line.
    ///
    /// # Errors
    ///
    /// Whatever breaks the grammar, and whatever could never hold.
    pub fn parse(line: &str) -> Result<Self, MatchError> {
        let mut reader = Reader { line, position: 0 };
        reader.alternatives().map(|alternatives| Self { alternatives }).map_err(|error| error.in_line(line))
    }

    /// Whether the facts satisfy the match.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.alternatives.iter().any(|terms| terms.iter().all(|term| term.holds(facts)))
    }

    /// The regular header fields it tests, in lower case; one that is tested twice comes twice.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.terms().filter_map(|term| term.key().field()).filter(|name| !name.starts_with(':'))
    }

    /// The listeners that it names with `=` or `!=`.
    pub fn listener_names(&self) -> impl Iterator<Item = &str> {
        self.terms().filter(|term| matches!(term.key(), Key::Listener)).filter_map(|term| term.equal_text())
    }

    /// Whether a term asks for something of the request or the ClientHello. Otherwise the connection can be routed
    /// without reading either.
    #[must_use]
    pub fn needs_inspection(&self) -> bool {
        self.terms().any(|term| term.key().field().is_some() || term.key().is_of_hello())
    }

    pub(super) fn alternatives(&self) -> &[Vec<Term>] {
        &self.alternatives
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = &Term> {
        self.alternatives.iter().flatten()
    }
}

/// A line and how far it has been read.
struct Reader<'line> {
    line: &'line str,
    /// In bytes, always at the boundary of a character.
    position: usize,
}

impl<'line> Reader<'line> {
    fn alternatives(&mut self) -> Result<Vec<Vec<Term>>, MatchError> {
        // It would become part of a value, which could then never be equal to anything that a client sends.
        if let Some(at) = self.line.find(['\n', '\r']) {
            return Err(MatchError::new(at..at + 1, "a line break in the match")
                .help("write it on one line, terms with a blank between them, alternatives with ` | `"));
        }
        let (mut alternatives, mut terms) = (Vec::new(), Vec::new());
        let mut bar = None;
        loop {
            self.position += self.rest().len() - self.rest().trim_start_matches(BLANKS).len();
            if self.rest().is_empty() {
                break;
            }
            if !self.rest().starts_with('|') {
                terms.push(self.term()?);
                continue;
            }
            let span = self.position..self.position + 1;
            self.position += 1;
            if !self.rest().is_empty() && !self.rest().starts_with(BLANKS) {
                return Err(MatchError::new(span, "no blank after `|`").help("alternatives are separated by ` | `"));
            }
            if terms.is_empty() {
                return Err(MatchError::new(span, "no term before `|`").help("remove the `|`"));
            }
            alternatives.push(std::mem::take(&mut terms));
            bar = Some(span);
        }
        match bar {
            _ if !terms.is_empty() => alternatives.push(terms),
            Some(span) => return Err(MatchError::new(span, "no term after `|`").help("remove the `|`")),
            None => {
                let help = "write a term such as `x-tenant=a`; what no rule matches goes to the default pool";
                return Err(MatchError::new(0..self.line.len(), "the match is empty").help(help));
            }
        }
        Ok(alternatives)
    }

    /// Reads a term; the reader is at its first character.
    fn term(&mut self) -> Result<Term, MatchError> {
        let (name, operator) = self.key_and_operator()?;
        let key = Key::named(name.value, name.span.start)?;
        self.position = operator.span.end;
        self.refuse_longer_operator(&operator)?;
        let start = self.position;
        let value = if self.rest().starts_with('"') { self.quoted()? } else { self.unquoted()? };
        if value.is_empty() {
            let span = if start == self.position { operator.span } else { start..self.position };
            return Err(MatchError::new(span, "the value is empty")
                .help(format!("`{}~=.*` asks only that there is a value", name.value)));
        }
        Term::new(key, operator, Spanned { value, span: start..self.position })
    }

    /// Finds both without moving.
    fn key_and_operator(&self) -> Result<(Spanned<&'line str>, Spanned<Operator>), MatchError> {
        let (rest, start) = (self.rest(), self.position);
        let end = rest.find(|letter| BLANKS.contains(&letter) || letter == '=' || letter == '"').unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if !rest.get(end..).is_some_and(|rest| rest.starts_with('=')) {
            let (span, message) = if word.is_empty() {
                (start..start + 1, "no key before the value".to_owned())
            } else {
                (start..start + end, format!("no operator after `{word}`"))
            };
            return Err(MatchError::new(span, message).help(SYNTAX));
        }
        let operators = [Operator::NotEqual, Operator::Prefix, Operator::Pattern];
        let written = |operator: &Operator| rest.get(..=end).is_some_and(|rest| rest.ends_with(operator.symbol()));
        let operator = operators.into_iter().find(written).unwrap_or(Operator::Equal);
        let key = rest.get(..=end).and_then(|term| term.strip_suffix(operator.symbol())).unwrap_or_default();
        let span = start + key.len()..start + end + 1;
        if key.is_empty() {
            return Err(MatchError::new(span, format!("no key before `{}`", operator.symbol())).help(SYNTAX));
        }
        Ok((Spanned { value: key, span: start..span.start }, Spanned { value: operator, span }))
    }

    /// Refuses the operators of other languages, whose second half would silently become part of the value.
    fn refuse_longer_operator(&self, operator: &Spanned<Operator>) -> Result<(), MatchError> {
        let meant = match (operator.value, self.rest().chars().next()) {
            (written, Some('=')) => written,
            (Operator::Equal, Some('~')) => Operator::Pattern,
            (Operator::Equal, Some('^')) => Operator::Prefix,
            (_, _) => return Ok(()),
        };
        let span = operator.span.start..operator.span.end + 1;
        let written = self.line.get(span.clone()).unwrap_or_default();
        let help = format!("did you mean `{}`? A value that begins so stands in double quotes", meant.symbol());
        Err(MatchError::new(span, format!("`{written}` is not an operator")).help(help))
    }

    fn unquoted(&mut self) -> Result<String, MatchError> {
        let (rest, start) = (self.rest(), self.position);
        let value = rest.split(BLANKS).next().unwrap_or_default();
        if let Some((offset, letter)) = value.char_indices().find(|(_, letter)| matches!(letter, '|' | '"')) {
            let help = match letter {
                '|' => "alternatives are separated by ` | `; a value with `|` stands in double quotes",
                _ => "the whole value stands in double quotes, with \\\" for a quote in it",
            };
            let span = start + offset..start + offset + 1;
            return Err(MatchError::new(span, format!("`{letter}` in a value without quotes")).help(help));
        }
        let value = value.to_owned();
        self.position += value.len();
        Ok(value)
    }

    /// Reads a quoted value; the reader is at the opening quote.
    fn quoted(&mut self) -> Result<String, MatchError> {
        let (rest, start) = (self.rest(), self.position);
        let mut value = String::new();
        let mut letters = rest.char_indices().skip(1);
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.position += offset + 1;
                    return self.end_of_quoted().map(|()| value);
                }
                '\\' => match letters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                    Some((end, other)) => {
                        let span = start + offset..start + end + other.len_utf8();
                        return Err(MatchError::new(span, format!("`\\{other}` is not an escape"))
                            .help("in double quotes write \\\" for a quote and \\\\ for a backslash"));
                    }
                    None => break,
                },
                plain => value.push(plain),
            }
        }
        Err(MatchError::new(start..self.line.len(), "the closing quote is missing"))
    }

    fn end_of_quoted(&self) -> Result<(), MatchError> {
        let attached = self.rest().split(BLANKS).next().unwrap_or_default();
        if attached.is_empty() {
            return Ok(());
        }
        let span = self.position..self.position + attached.len();
        Err(MatchError::new(span, "no blank after the closing quote")
            .help("terms are separated by blanks; write \\\" for a quote inside a value"))
    }

    fn rest(&self) -> &'line str {
        self.line.get(self.position..).unwrap_or_default()
    }
}

/// What separates terms.
const BLANKS: [char; 2] = [' ', '\t'];

const SYNTAX: &str = "a term is `key=value` without blanks around the operator, one of = != ^= (prefix) ~= (regex)";

#[cfg(test)]
mod tests {
    use super::*;

    /// Span, message and help of the error.
    fn failure(line: &str) -> (std::ops::Range<usize>, String, String) {
        let error = Match::parse(line).unwrap_err();
        (error.span, error.message, error.help.unwrap_or_default())
    }

    /// How many terms each alternative has.
    fn shape(line: &str) -> Vec<usize> {
        Match::parse(line).unwrap().alternatives().iter().map(Vec::len).collect()
    }

    #[test]
    fn terms_stand_side_by_side_and_alternatives_apart() {
        assert_eq!(shape("a=1"), [1]);
        assert_eq!(shape("  a=1\tb!=2   c^=3 "), [3]);
        assert_eq!(shape("a=1 | b=2 c~=3 |\td=4"), [1, 2, 1]);
        assert_eq!(shape(r#"a="1 | 2" b="|""#), [2]);
        assert_eq!(shape(":path^=/shop.v1.Cart/ source=10.2.0.0/16 | sni=*.cart.example"), [2, 1]);
    }

    #[test]
    fn values_keep_everything_but_their_quotes() {
        for (line, expected) in [
            ("a=b", "b"),
            ("a=b=c!=d", "b=c!=d"),
            ("a=!b", "!b"),
            (r"a=b\c", r"b\c"),
            (r#"a="b c""#, "b c"),
            (r#"a="=b""#, "=b"),
            (r#"a="\"b\\\"""#, r#""b\""#),
            ("a=ä", "ä"),
        ] {
            let parsed = Match::parse(line).unwrap();
            let exact: Vec<_> = parsed.terms().map(Term::exact).collect();
            assert_eq!(exact, [Some(expected.as_bytes())], "{line}");
        }
    }

    #[test]
    fn the_operator_is_the_longest_at_the_first_equals_sign() {
        let exact = |line| Match::parse(line).unwrap().terms().all(|term| term.exact().is_some());
        assert!(exact("a=x^=y"));
        assert!(!exact("a^=x=y"));
        assert!(!exact("a!=x"));
        assert!(!exact("a~=x"));
    }

    #[test]
    fn names_and_needs_are_told() {
        let parsed = Match::parse("X-A=1 :path^=/ | header.method!=2 listener=l | service=s x-a=2").unwrap();
        assert_eq!(parsed.header_names().collect::<Vec<_>>(), ["x-a", "method", "x-a"]);
        for line in
            ["x=1", ":authority=a", ":path=/", ":method=GET", "service=s", "method=m", "source=::1 | sni=a", "alpn=h2"]
        {
            assert!(Match::parse(line).unwrap().needs_inspection(), "{line}");
        }
        let line = "listener=l protocol=tls source=::1 destination=::1 tlv.netns=n";
        assert!(!Match::parse(line).unwrap().needs_inspection());
    }

    #[test]
    fn listeners_that_are_named_in_full_are_known() {
        let line = "listener=a x=1 | listener!=b | listener^=c | listener~=d.* | :method=e";
        assert_eq!(Match::parse(line).unwrap().listener_names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_match_of_several_lines_is_refused() {
        let help = "write it on one line, terms with a blank between them, alternatives with ` | `";
        for (line, at) in [("a=1\nb=2", 3), ("a=1 b=2\n", 7), ("a=1\r\nb=2", 3), ("a=1 |\nb=2", 5), ("a=\"1\n2\"", 4)] {
            assert_eq!(failure(line), (at..at + 1, "a line break in the match".into(), help.into()), "{line:?}");
        }
    }

    #[test]
    fn an_empty_match_or_alternative_is_refused() {
        let empty = "write a term such as `x-tenant=a`; what no rule matches goes to the default pool";
        let remove = "remove the `|`";
        assert_eq!(failure(""), (0..0, "the match is empty".into(), empty.into()));
        assert_eq!(failure(" \t"), (0..2, "the match is empty".into(), empty.into()));
        assert_eq!(failure("| a=1"), (0..1, "no term before `|`".into(), remove.into()));
        assert_eq!(failure("a=1 | | b=1"), (6..7, "no term before `|`".into(), remove.into()));
        assert_eq!(failure("a=1 |"), (4..5, "no term after `|`".into(), remove.into()));
        assert_eq!(
            failure("a=1 |b=1"),
            (4..5, "no blank after `|`".into(), "alternatives are separated by ` | `".into())
        );
    }

    #[test]
    fn a_missing_key_or_operator_is_refused() {
        let missing = |span, message: &str| (span, message.to_owned(), SYNTAX.to_owned());
        assert_eq!(failure("a=1 =2"), missing(4..5, "no key before `=`"));
        assert_eq!(failure("!=2"), missing(0..2, "no key before `!=`"));
        assert_eq!(failure("\"x\""), missing(0..1, "no key before the value"));
        assert_eq!(failure("a=1 tenant"), missing(4..10, "no operator after `tenant`"));
        assert_eq!(failure("a = 1"), missing(0..1, "no operator after `a`"));
        assert_eq!(failure("a>1"), missing(0..3, "no operator after `a>1`"));
        assert_eq!(failure("a\"b\"=c"), missing(0..1, "no operator after `a`"));
    }

    #[test]
    fn operators_of_other_languages_are_refused() {
        let help = |meant| format!("did you mean `{meant}`? A value that begins so stands in double quotes");
        assert_eq!(failure("a==1"), (1..3, "`==` is not an operator".into(), help("=")));
        assert_eq!(failure("a=~1"), (1..3, "`=~` is not an operator".into(), help("~=")));
        assert_eq!(failure("a=^1"), (1..3, "`=^` is not an operator".into(), help("^=")));
        assert_eq!(failure("a!==1"), (1..4, "`!==` is not an operator".into(), help("!=")));
    }

    #[test]
    fn an_empty_value_is_refused() {
        let help = "`a~=.*` asks only that there is a value".to_owned();
        assert_eq!(failure("a="), (1..2, "the value is empty".into(), help.clone()));
        assert_eq!(failure("a!= b=1"), (1..3, "the value is empty".into(), help.clone()));
        assert_eq!(failure("a=\"\""), (2..4, "the value is empty".into(), help));
    }

    #[test]
    fn wrong_quoting_is_refused() {
        let bar = "alternatives are separated by ` | `; a value with `|` stands in double quotes";
        let quote = "the whole value stands in double quotes, with \\\" for a quote in it";
        let escape = "in double quotes write \\\" for a quote and \\\\ for a backslash";
        let after = "terms are separated by blanks; write \\\" for a quote inside a value";
        assert_eq!(failure("a=b|c=d"), (3..4, "`|` in a value without quotes".into(), bar.into()));
        assert_eq!(failure("a=bä\"c\""), (5..6, "`\"` in a value without quotes".into(), quote.into()));
        assert_eq!(failure("a=\"b c"), (2..6, "the closing quote is missing".into(), String::new()));
        assert_eq!(failure("a=\"b\\"), (2..5, "the closing quote is missing".into(), String::new()));
        assert_eq!(failure("a=\"b\\\""), (2..6, "the closing quote is missing".into(), String::new()));
        assert_eq!(failure("a=\"\\d\""), (3..5, "`\\d` is not an escape".into(), escape.into()));
        assert_eq!(failure("a=\"b\"c d=1"), (5..6, "no blank after the closing quote".into(), after.into()));
    }

    #[test]
    fn a_faulty_key_is_underlined_alone() {
        assert_eq!(failure("a=1 x@y=2").0, 5..6);
        assert_eq!(failure("a=1 header.x-bin=2").0, 11..16);
        assert_eq!(failure("a=1 tlv.tls=2").0, 8..11);
        assert_eq!(failure("a=1 route=2").0, 4..9);
    }

    #[test]
    fn an_operator_that_the_key_lacks_is_refused() {
        for (line, span, operator) in
            [("source^=10.", 6..8, "^="), ("a=1 destination~=1", 15..17, "~="), ("protocol^=h", 8..10, "^=")]
        {
            let message = format!("`{operator}` cannot compare this key");
            assert_eq!(failure(line), (span, message, "only = and != can".into()), "{line}");
        }
    }

    #[test]
    fn values_that_never_hold_are_refused() {
        for (line, span, message, help) in [
            ("protocol=htpp1", 9..14, "`htpp1` is not a protocol", "did you mean `http1`?"),
            ("protocol=quic", 9..13, "`quic` is not a protocol", "one of h2c, http1, tls, opaque"),
            ("protocol=http2", 9..14, "`http2` is not a protocol", "HTTP/2 without TLS, as of gRPC, is `h2c`"),
            ("protocol!=gRPC", 10..14, "`gRPC` is not a protocol", "HTTP/2 without TLS, as of gRPC, is `h2c`"),
            (
                "source=\"10.0.0.0/33\"",
                7..20,
                "`10.0.0.0/33` is neither an address nor a network",
                "write 10.0.0.5, 10.0.0.0/8, fd00::1 or fd00::/8, without a port",
            ),
            (
                "source!=10.1.2.3/8",
                8..18,
                "`10.1.2.3/8` has bits set behind its prefix",
                "did you mean the network `10.0.0.0/8` or the address `10.1.2.3`?",
            ),
            (
                "sni=a.*.b",
                4..9,
                "`*` stands only for the first labels of a whole name",
                "`sni=*.example.com` holds for every name below example.com",
            ),
            (
                "sni^=*.b",
                5..8,
                "`*` stands only for the first labels of a whole name",
                "`sni=*.example.com` holds for every name below example.com",
            ),
            (
                ":authority=*.b",
                11..14,
                "`:authority` knows no `*`",
                "use `:authority~=` with a regex for the whole value",
            ),
            (":path=a/b", 6..9, "a path begins with `/`", "did you mean `/a/b`?"),
            (
                ":path^=/a//b",
                7..12,
                "a path prefix with an empty segment never holds",
                "backends read such a path in different ways: use `:path=` with the whole path",
            ),
            (
                "service=/s/m",
                8..12,
                "the names of services and methods have no `/`",
                "/shop.v1.Cart/Add is `service=shop.v1.Cart method=Add`",
            ),
            ("a~=b(c", 3..6, "not a regex: unclosed group", ""),
            ("a~=x{9}{9999}{9999}", 3..19, "the regex is too large", "repeat less: x{1000} costs a thousand times x"),
        ] {
            assert_eq!(failure(line), (span, message.to_owned(), help.to_owned()), "{line}");
        }
    }

    #[test]
    fn an_error_is_shown_with_its_column_in_characters() {
        let error = Match::parse("a=ä protocol=h2").unwrap_err();
        assert_eq!(error.span, 14..16);
        assert_eq!(error.to_string(), "column 14: `h2` is not a protocol; did you mean `h2c`?");
    }

    #[test]
    fn no_prefix_of_a_line_panics_and_every_span_is_in_it() {
        let line = r#"ä=1 :path^="/a \" b" | header.x-bin~=é( source!=10.0.0.1/8 tlv.ü=2 a=b|c sni=*.*"#;
        for (end, _) in line.char_indices() {
            for start in (0..end).filter(|start| line.is_char_boundary(*start)) {
                let part = &line[start..end];
                if let Err(error) = Match::parse(part) {
                    assert!(part.get(error.span.clone()).is_some(), "{part}: {error:?}");
                }
            }
        }
    }
}
