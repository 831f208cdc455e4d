//! `[tap]` and `[decode.settings]`: what is done with sampled connections.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::{
    diagnostic::{Problem, quoted},
    keys,
    section::{Reader, Section},
};
use crate::limits;

/// What is done with sampled connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Bytes that may wait to be decoded, of all shards together.
    pub queue_bytes: usize,
    /// Names of SETTINGS identifiers besides the registered ones.
    pub setting_names: BTreeMap<u16, String>,
}

impl Default for Tap {
    fn default() -> Tap {
        Tap { queue_bytes: limits::TAP_QUEUE_BYTES, setting_names: BTreeMap::new() }
    }
}

/// Reads both sections of a file.
pub(super) fn read(file: &Section<'_>, reader: &mut Reader<'_>) -> Tap {
    let mut tap = Tap::default();
    if let Some(section) = file.section("tap", &keys::TAP, reader) {
        let bytes = section.item("queue_bytes").and_then(|item| reader.number(&item, QUEUE_BYTES));
        tap.queue_bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(tap.queue_bytes);
    }
    if let Some(section) = file.section("decode", &keys::DECODE, reader)
        && let Some(item) = section.item("settings")
    {
        let DeValue::Table(names) = item.value.get_ref() else {
            reader.wrong_type(&item, "a section: write [decode.settings]");
            return tap;
        };
        for (id, name) in names {
            match (number(id.get_ref()), name.get_ref()) {
                (Some(number), DeValue::String(text)) if is_name(text) => {
                    if let Some(other) = tap.setting_names.insert(number, text.to_string()) {
                        let message = format!("setting {number} has a name already, {}", quoted(&other));
                        reader.problem(&item.subject, id.span(), Problem::new(message, "keep one of them"));
                    }
                }
                (Some(_), _) => {
                    let help = "give a name of letters, digits and \"_\" in double quotes";
                    reader.problem(
                        &item.subject,
                        name.span(),
                        Problem::new("not the name of a setting", help.to_owned()),
                    );
                }
                (None, _) => {
                    let message = format!("{} is not an identifier of a setting", quoted(id.get_ref()));
                    let help = "write a number from 0 to 65535, decimal or like 0xfe10";
                    reader.problem(&item.subject, id.span(), Problem::new(message, help.to_owned()));
                }
            }
        }
    }
    tap
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// From a full read of one connection to what a large host can spare.
const QUEUE_BYTES: RangeInclusive<u64> = 65_536..=17_179_869_184;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, golden};

    const REST: &str =
        "\n[[listener]]\nbind = \":0\"\ndefault_pool = \"a\"\n[[pool]]\nname = \"a\"\nbackends = [\"10.0.0.5:1\"]\n";

    fn read(text: &str) -> Result<Config, crate::config::ConfigError> {
        golden::read("x.toml", &format!("{text}{REST}"))
    }

    #[test]
    fn settings_get_names() {
        let config = read("[decode.settings]\n0xfe10 = \"ORDERS_MODE\"\n65000 = \"X\"\n").unwrap();
        let expected = BTreeMap::from([(0xfe10, "ORDERS_MODE".to_owned()), (65_000, "X".to_owned())]);
        assert_eq!(config.tap.setting_names, expected);
        assert_eq!(read("").unwrap().tap, Tap::default());
        assert_eq!(read("[tap]\nqueue_bytes = 65536\n").unwrap().tap.queue_bytes, 65_536);
    }

    #[test]
    fn what_is_no_setting_is_said() {
        let headline = |text: &str| read(text).unwrap_err().diagnostics[0].headline();
        assert_eq!(
            headline("[decode.settings]\n0x10000 = \"X\"\n"),
            "x.toml:2:1: key `decode.settings`: \"0x10000\" is not an identifier of a setting"
        );
        assert_eq!(
            headline("[decode.settings]\n1 = \"a b\"\n"),
            "x.toml:2:5: key `decode.settings`: not the name of a setting"
        );
        assert_eq!(
            headline("[decode.settings]\n0x10 = \"A\"\n16 = \"B\"\n"),
            "x.toml:3:1: key `decode.settings`: setting 16 has a name already, \"A\""
        );
        assert!(headline("[decode]\nx = 1\n").contains("key `decode.x`: unknown key"));
        assert!(headline("[tap]\nqueue_bytes = 1\n").contains("key `tap.queue_bytes`: 1 is not allowed"));
        assert!(headline("tap = 1\n").contains("key `tap`"));
    }
}
