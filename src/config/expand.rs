//! Environment variables in strings: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar.
//!
//! A dollar before anything else stands for itself, so that a regular expression keeps its end-of-line. An unset
//! variable is an error: an empty pool name or address that came from a forgotten variable is hard to find.

use std::borrow::Cow;

use super::diagnostic::{Problem, quoted};

/// Puts in the variables. As in a shell, `:-` takes effect for an unset and for an empty variable.
pub(super) fn expand<'a>(text: &'a str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Cow<'a, str>, Problem> {
    if !text.contains('$') {
        return Ok(Cow::Borrowed(text));
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let start = text.len() - after.len() - 1;
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some(inside) = after.strip_prefix('{') {
            let Some((reference, after)) = inside.split_once('}') else {
                return Err(at(start..text.len(), "`${` without `}`".to_owned(), OPEN));
            };
            let span = start..text.len() - after.len();
            expanded
                .push_str(&resolve(reference, variable).map_err(|problem| Problem { span: Some(span), ..problem })?);
            rest = after;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    Ok(Cow::Owned(expanded))
}

fn resolve(reference: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, Problem> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !begins_well || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let help = "write \"${NAME}\" or \"${NAME:-default}\"; \"$$\" stands for a dollar";
        return Err(Problem::new(format!("{} is not the name of an environment variable", quoted(name)), help));
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(Problem::new(
            format!("the default of environment variable `{name}` holds another variable"),
            "a default is plain text; set the variable instead",
        ));
    }
    match (variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Problem::new(
            format!("environment variable `{name}` is not set"),
            format!("set it, or give a default: \"${{{name}:-default}}\""),
        )),
    }
}

const OPEN: &str = "write \"${NAME}\" for a variable, \"$$\" for a dollar";

fn at(span: std::ops::Range<usize>, message: String, help: &str) -> Problem {
    Problem { span: Some(span), ..Problem::new(message, help) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("a.example".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLAR" => Some("${HOST}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_put_in() {
        for (text, expanded) in [
            ("plain", "plain"),
            ("${HOST}", "a.example"),
            ("${HOST}:80 ${HOST}", "a.example:80 a.example"),
            ("${HOST:-b}", "a.example"),
            ("${NONE:-b:-c}", "b:-c"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-b}", "b"),
            ("$$", "$"),
            ("$${HOST}", "${HOST}"),
            ("$$$${HOST}$", "$${HOST}$"),
            (":path~=^/a$ | x", ":path~=^/a$ | x"),
            ("ü${HOST}ü", "üa.exampleü"),
            ("${DOLLAR}", "${HOST}"),
        ] {
            assert_eq!(expand(text, &variable).unwrap(), expanded, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_put_in_is_pointed_at() {
        for (text, span, message) in [
            ("a${NONE}b", 1..8, "environment variable `NONE` is not set"),
            ("${", 0..2, "`${` without `}`"),
            ("a $$ ${HOST", 5..11, "`${` without `}`"),
            ("${}", 0..3, "\"\" is not the name of an environment variable"),
            ("${1A}", 0..5, "\"1A\" is not the name of an environment variable"),
            ("${A-B}", 0..6, "\"A-B\" is not the name of an environment variable"),
            ("${A:-${B}}", 0..9, "the default of environment variable `A` holds another variable"),
        ] {
            let problem = expand(text, &variable).unwrap_err();
            assert_eq!((problem.span, problem.message.as_str()), (Some(span), message), "{text}");
        }
    }
}
