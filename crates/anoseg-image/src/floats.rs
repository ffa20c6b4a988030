//! Floats of fewer bits than 32.

/// A 16-bit float (IEEE 754, binary16).
pub fn half(bits: u16) -> f32 {
    float(u32::from(bits), 5, 10)
}

/// A 24-bit float (Adobe's TIFF technical note 3).
pub(crate) fn float24(bits: u32) -> f32 {
    float(bits, 7, 16)
}

/// A float with a sign bit and this many bits of exponent and fraction, fewer than those of an f32.
fn float(bits: u32, exponent_bits: u32, fraction_bits: u32) -> f32 {
    let fraction = bits & ((1 << fraction_bits) - 1);
    let exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
    let bias = (1i32 << (exponent_bits - 1)) - 1;
    let size = match exponent {
        0 => fraction as f32 * 2f32.powi(1 - bias - fraction_bits as i32),
        e if e == (1 << exponent_bits) - 1 => {
            if fraction == 0 {
                f32::INFINITY
            } else {
                f32::NAN
            }
        }
        e => f32::from_bits(((e as i32 - bias + 127) as u32) << 23 | fraction << (23 - fraction_bits)),
    };
    if bits >> (exponent_bits + fraction_bits) & 1 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_16_bits_are_those_of_the_standard() {
        let expected = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 2.0_f32.powi(-14)),
            (0x0001, 2.0_f32.powi(-24)),
            (0x3555, 0.333_251_95),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, value) in expected {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
