//! What every strategy does: it decides which question comes next and what an answer means for it. It adds what it
//! sees to the evidence, and says when reading is over. [`super::completeness`] then decides what the walk is worth.

use super::answer::WalkAnswer;
use super::completeness::EndReason;
use super::questions::Ask;

/// What happens after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// The strategy goes on with its next question.
    Stay,
    /// From here on the list is read in pages of one size ([`super::fixed_page_size`]).
    OneSize(OneSize),
    /// Reading is over, for this reason.
    End(EndReason),
}

/// Why a list is read in pages of one size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OneSize {
    /// The server serves pages of this number of rows only.
    Only(u32),
    /// Pages of this number of rows are too small to overlap.
    Small(u32),
    /// Page one, the answer at hand, has more rows than were asked for. The answer belongs to the new strategy.
    PageOne,
}

/// The operations of every strategy.
pub(super) trait ReadingStrategy {
    /// Returns the next question of a walk that has joined the rows before `position`.
    fn ask(&self, position: u64) -> Ask;

    /// Takes in the answer to the question that `ask` returned, and decides what happens next.
    fn judge(&mut self, answer: &mut WalkAnswer<'_>) -> Move;

    /// Returns the page size in rows, as far as the walk knows what is served.
    fn page_size(&self) -> u32;

    /// Returns whether the next question reads a window. Otherwise it checks a window that was read before.
    fn is_reading(&self) -> bool;

    /// Returns the question that follows if the answer is a full window that ends at row `position`. Returns `None`
    /// if that depends on the content of the window.
    fn foretell(&self, position: u64) -> Option<Ask> {
        let _ = position;
        None
    }

    /// Returns whether a list of `rows` rows was read completely in one window.
    fn is_one_window(&self, rows: u64) -> bool {
        rows <= u64::from(self.page_size())
    }

    /// Asks for pages of `size` rows from here on. Returns `false` and changes nothing if the walk asks for no size,
    /// if only one size is served, or if `size` is not smaller than the size in use or too small to overlap.
    fn lower(&mut self, size: u32) -> bool {
        let _ = size;
        false
    }
}
