//! A container that holds one value per stream.

use std::ops::{Index, IndexMut};

use super::{ALL, DateForm, Stream};

/// Holds one value for every stream, indexed by the stream.
#[derive(Debug, Clone)]
pub struct PerStream<T>([T; ALL.len()]);

impl<T> PerStream<T> {
    /// Calls `make` once for each stream and holds the results.
    pub fn new(mut make: impl FnMut() -> T) -> PerStream<T> {
        PerStream(std::array::from_fn(|_| make()))
    }
}

/// The form in which the API writes the timestamps of each stream.
pub type Dates = PerStream<DateForm>;

impl From<DateForm> for Dates {
    fn from(all: DateForm) -> Dates {
        PerStream::new(|| all)
    }
}

impl<T> IndexMut<Stream> for PerStream<T> {
    fn index_mut(&mut self, stream: Stream) -> &mut T {
        &mut self.0[usize::from(stream.number()) - 1]
    }
}

impl<T> Index<Stream> for PerStream<T> {
    type Output = T;

    fn index(&self, stream: Stream) -> &T {
        &self.0[usize::from(stream.number()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_a_place_of_its_own() {
        let mut n = 0;
        let values = PerStream::new(|| {
            n += 1;
            n
        });
        let mut seen = ALL.map(|s| values[s]);
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(1..=ALL.len()), "{seen:?}");
    }
}
