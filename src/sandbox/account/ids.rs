//! Ids that look like a `MongoDB` `ObjectId` and from which the record's number can be computed, without a stored map.
//!
//! An id has 24 hexadecimal digits: 16 encode the record's number by a bijection, 8 are a check. So [`Ids::number`]
//! is arithmetic. The order of the ids has nothing to do with the order of the records, which exposes a store that is
//! fast only for ascending keys.

const A: u64 = 0xd6e8_feb8_6659_fd93;
const B: u64 = 0xa5a3_564e_27f8_8f1b;

/// The mapping between the numbers and the ids of one kind of record.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    key: u64,
}

impl Ids {
    /// Returns the mapping for a key. There is one key for each seed and kind.
    pub fn new(key: u64) -> Ids {
        Ids { key }
    }

    /// Returns the id of the record with this number, as ASCII digits.
    pub fn id(self, number: u64) -> [u8; 24] {
        let mixed = self.mix(number);
        let mut id = [0; 24];
        hex(mixed, &mut id[..16]);
        hex(u64::from(self.check(mixed)) << 32, &mut id[16..]);
        id
    }

    /// Returns the id of the record with this number, as a string.
    pub fn text(self, number: u64) -> String {
        self.id(number).iter().map(|b| char::from(*b)).collect()
    }

    /// Returns the number of the record with this id, or `None` if the string is not an id of this kind.
    pub fn number(self, id: &str) -> Option<u64> {
        if id.len() != 24 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mixed = u64::from_str_radix(&id[..16], 16).ok()?;
        let check = u32::from_str_radix(&id[16..], 16).ok()?;
        (check == self.check(mixed)).then(|| self.unmix(mixed))
    }

    fn mix(self, number: u64) -> u64 {
        let mut x = (number ^ self.key).wrapping_mul(A);
        x ^= x >> 32;
        x = x.wrapping_mul(B);
        x ^ (x >> 32)
    }

    fn unmix(self, mixed: u64) -> u64 {
        let mut x = mixed ^ (mixed >> 32);
        x = x.wrapping_mul(inverse(B));
        x ^= x >> 32;
        x.wrapping_mul(inverse(A)) ^ self.key
    }

    fn check(self, mixed: u64) -> u32 {
        ((mixed ^ self.key.rotate_left(17)).wrapping_mul(A) >> 32) as u32
    }
}

/// Returns the multiplicative inverse of an odd number modulo 2^64. Each step of Newton's iteration doubles the
/// number of correct bits.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut round = 0;
    while round < 6 {
        x = x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x
}

fn hex(value: u64, digits: &mut [u8]) {
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[((value >> (60 - 4 * place)) & 15) as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_leads_back_to_its_record_and_to_no_other_kind() {
        let (a, b) = (Ids::new(7), Ids::new(8));
        for n in (0..2000).chain([u64::from(u32::MAX), 5_000_000]) {
            let id = a.text(n);
            assert_eq!(id.len(), 24);
            assert_eq!(a.number(&id), Some(n));
            assert_eq!(b.number(&id), None);
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let a = Ids::new(7);
        for text in [
            "",
            "x",
            "000000000000000000000000",
            "zzzzzzzzzzzzzzzzzzzzzzzz",
            "+00000000000000000000000",
            "ğğğğğğğğğğğğ",
        ] {
            assert_eq!(a.number(text), None, "{text}");
        }
        assert_eq!(a.number(&a.text(1).to_uppercase()), None);
    }

    #[test]
    fn ids_are_in_no_order() {
        let a = Ids::new(7);
        let rising = (0..1000).filter(|n| a.id(*n) < a.id(n + 1)).count();
        assert!((400..600).contains(&rising), "{rising}");
    }
}
