//! Bytes as letters that nobody mistakes for one another.

/// Without those that look alike; 32 of them, so that each is equally likely.
pub(crate) const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Five bits a letter. What is left of the last byte goes into a letter of its own.
pub(crate) fn in_letters(bytes: &[u8]) -> String {
    let (mut text, mut bits, mut held) = (String::with_capacity(bytes.len() * 8 / 5 + 1), 0_u32, 0_u32);
    let letter = |five: u32| char::from(LETTERS[(five & 31) as usize]);
    for byte in bytes {
        (held, bits) = (held << 8 | u32::from(*byte), bits + 8);
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::in_letters;

    #[test]
    fn five_bits_a_letter() {
        assert_eq!(in_letters(&[]), "");
        assert_eq!(in_letters(&[0, 0, 0, 0, 1]), "22222223");
        assert_eq!(in_letters(&[255; 5]), "ZZZZZZZZ");
        assert_eq!(in_letters(&[0b1000_0001]), "J6");
        assert_eq!(in_letters(&[7; 20]).len(), 32);
    }
}
