//! Numbers as text.

use buffa_descriptor::ScalarType;

use super::super::wire_format::Value;

/// A value of a numeric type; none if the wire type is not that of the type.
pub(super) fn text(scalar: ScalarType, value: Value) -> Option<String> {
    Some(match (scalar, value) {
        (ScalarType::Int32, Value::Varint(bits)) => low_32_bits(bits).cast_signed().to_string(),
        (ScalarType::Uint32, Value::Varint(bits)) => low_32_bits(bits).to_string(),
        (ScalarType::Int64, Value::Varint(bits)) => bits.cast_signed().to_string(),
        (ScalarType::Uint64, Value::Varint(bits)) => bits.to_string(),
        (ScalarType::Sint32, Value::Varint(bits)) => {
            let bits = low_32_bits(bits);
            ((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()).to_string()
        }
        (ScalarType::Sint64, Value::Varint(bits)) => {
            ((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()).to_string()
        }
        (ScalarType::Bool, Value::Varint(bits)) => (bits != 0).to_string(),
        (ScalarType::Fixed64, Value::Fixed64(bits)) => bits.to_string(),
        (ScalarType::Sfixed64, Value::Fixed64(bits)) => bits.cast_signed().to_string(),
        (ScalarType::Double, Value::Fixed64(bits)) => double(f64::from_bits(bits)),
        (ScalarType::Fixed32, Value::Fixed32(bits)) => bits.to_string(),
        (ScalarType::Sfixed32, Value::Fixed32(bits)) => bits.cast_signed().to_string(),
        (ScalarType::Float, Value::Fixed32(bits)) => float(f32::from_bits(bits)),
        _ => return None,
    })
}

/// As in the text format, and no longer than it has to be.
pub(super) fn double(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:?}").trim_end_matches(".0").to_owned() }
}

/// As [`double`]; not through it, which would show digits that the value does not have.
pub(super) fn float(value: f32) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:?}").trim_end_matches(".0").to_owned() }
}

/// A 32-bit number is sent as a varint of 64 bits if it is negative; what is above is cut off, as in every
/// implementation.
pub(super) fn low_32_bits(bits: u64) -> u32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_reads_its_bits_in_its_own_way() {
        let varint = |scalar, bits| text(scalar, Value::Varint(bits)).unwrap();
        assert_eq!(varint(ScalarType::Int32, u64::MAX), "-1");
        assert_eq!(varint(ScalarType::Int32, 0xffff_ffff), "-1");
        assert_eq!(varint(ScalarType::Uint32, 0x1_0000_0005), "5");
        assert_eq!(varint(ScalarType::Int64, u64::MAX), "-1");
        assert_eq!(varint(ScalarType::Uint64, u64::MAX), "18446744073709551615");
        assert_eq!(varint(ScalarType::Sint32, 3), "-2");
        assert_eq!(varint(ScalarType::Sint32, 0xffff_ffff), "-2147483648");
        assert_eq!(varint(ScalarType::Sint64, 4), "2");
        assert_eq!(varint(ScalarType::Sint64, u64::MAX), "-9223372036854775808");
        assert_eq!(varint(ScalarType::Bool, 0), "false");
        assert_eq!(varint(ScalarType::Bool, 7), "true");
        assert_eq!(text(ScalarType::Sfixed64, Value::Fixed64(u64::MAX)).unwrap(), "-1");
        assert_eq!(text(ScalarType::Fixed32, Value::Fixed32(9)).unwrap(), "9");
        assert_eq!(text(ScalarType::Float, Value::Fixed32(0x3dcc_cccd)).unwrap(), "0.1");
    }

    #[test]
    fn fractions_are_short() {
        assert_eq!(double(1.0), "1");
        assert_eq!(double(-0.25), "-0.25");
        assert_eq!(double(1e300), "1e300");
        assert_eq!(double(f64::NAN), "nan");
        assert_eq!(double(f64::NEG_INFINITY), "-inf");
        assert_eq!(float(16_777_216.0), "16777216");
    }

    #[test]
    fn another_wire_type_is_no_value() {
        assert_eq!(text(ScalarType::Int32, Value::Fixed32(1)), None);
        assert_eq!(text(ScalarType::Double, Value::Varint(1)), None);
        assert_eq!(text(ScalarType::String, Value::Bytes), None);
    }
}
