//! One answer to a walk's question, together with the evidence and the claims that the answer adds to.

use super::claims::Claims;
use super::evidence::Evidence;
use super::questions::Ask;
use super::shown::Shown;

/// An answer, and the parts of the walk that it adds to.
pub(super) struct WalkAnswer<'a> {
    /// The question that was answered.
    pub(super) asked: Ask,
    /// The contents of the answer.
    pub(super) shown: Shown<'a>,
    /// The evidence of the walk so far.
    pub(super) evidence: &'a mut Evidence,
    /// The server's claims so far, including those of this answer.
    pub(super) claims: &'a mut Claims,
}
