//! Pseudo-random numbers that depend only on what they are for, not on earlier draws.
//!
//! The sandbox has no random generator with a state. Every value of every record comes from a [`RandomTable`] derived
//! from the seed, the kind, the number and the field. Therefore any record can be generated at any time, in any
//! order, and is always the same.

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// One entry of an endless tree of random numbers. It has a value of its own, and sub-tables by number and by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RandomTable(u64);

impl RandomTable {
    /// Returns the root table of a seed.
    pub fn new(seed: u64) -> RandomTable {
        RandomTable(scramble(seed.wrapping_add(STEP)))
    }

    /// Returns the sub-table with this number. Neighbouring numbers give independent values.
    pub fn at(self, number: u64) -> RandomTable {
        RandomTable(scramble(self.0 ^ scramble(number.wrapping_mul(STEP).wrapping_add(1))))
    }

    /// Returns the sub-table with this name.
    pub fn named(self, name: &str) -> RandomTable {
        self.at(xxhash_rust::xxh3::xxh3_64(name.as_bytes()))
    }

    /// Returns the table's value as 64 random bits.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Returns the table's value as a number below `end` (0 if `end` is 0).
    pub fn below(self, end: u64) -> u64 {
        // The high half of a 128-bit product avoids a division; its bias is negligible.
        ((u128::from(self.0) * u128::from(end)) >> 64) as u64
    }

    /// Returns the table's value as a number from 0 up to, but not including, 1.
    pub fn unit(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns `true` with the probability `permille`/1000.
    pub fn chance(self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// Returns a random entry of a slice.
    pub fn pick<T: Copy>(self, table: &[T]) -> T {
        table[usize::try_from(self.below(table.len() as u64)).unwrap_or(0)]
    }
}

fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_gives_the_same_number_and_neighbours_differ() {
        let d = RandomTable::new(7);
        assert_eq!(d.at(3), RandomTable::new(7).at(3));
        assert_ne!(d.at(3), d.at(4));
        assert_ne!(d.at(3), RandomTable::new(8).at(3));
        assert_ne!(d.at(0).at(1), d.at(1).at(0));
    }

    #[test]
    fn chances_are_roughly_what_they_say() {
        let d = RandomTable::new(1);
        let hits = (0..10_000).filter(|n| d.at(*n).chance(100)).count();
        assert!((850..1150).contains(&hits), "{hits}");
        assert!((0..10_000).all(|n| d.at(n).below(7) < 7));
        assert!((0..10_000).all(|n| (0.0..1.0).contains(&d.at(n).unit())));
    }
}
