//! Writes the scalars of an envelope (the objects around the records): the total, whether there is a next page,
//! success or failure.

use crate::sandbox::graphql::execute::{AnswerWriter, EnvelopeContent, ServedPage};
use crate::sandbox::graphql::selection::SelectedField;
use crate::sandbox::graphql::synonyms::Member;

impl AnswerWriter<'_> {
    /// Writes a scalar of an envelope, in the form that its type in the schema allows.
    pub(in crate::sandbox) fn member(&mut self, member: Member, pick: &SelectedField, content: &EnvelopeContent) {
        match (member, content) {
            (Member::Success, EnvelopeContent::Failed(..) | EnvelopeContent::One(None)) => self.out.boolean(false),
            (Member::Success, _) => self.out.boolean(true),
            (Member::Message, _) if pick.ty == "Boolean" => {
                self.out.boolean(matches!(content, EnvelopeContent::Failed(..)));
            }
            (Member::Message, EnvelopeContent::Failed(_, message)) => self.out.text(message),
            (Member::Message, EnvelopeContent::One(None)) => self.out.text("Record not found"),
            (Member::Code, _) => self.code(pick, content),
            (Member::Token, EnvelopeContent::Token { text, .. }) => self.out.text(text),
            (Member::TokenType, EnvelopeContent::Token { .. }) => self.out.text("Bearer"),
            (Member::Seconds, EnvelopeContent::Token { seconds, .. }) => self.number(pick, *seconds),
            (Member::Cursor, EnvelopeContent::Row(_, cursor)) => self.out.text(cursor),
            (_, EnvelopeContent::Page(page)) => self.of_page(member, pick, page),
            _ => self.nothing(pick),
        }
    }

    fn of_page(&mut self, member: Member, pick: &SelectedField, page: &ServedPage) {
        let number = page.start / page.limit.max(1);
        let cursor = |writer: &Self, at: usize| {
            let row = page.rows.get(at).copied();
            row.map(|row| writer.cursor(row, page.start + at as u64))
        };
        let last = page.rows.len().wrapping_sub(1);
        let text = match member {
            Member::Total => return self.some(pick, page.total),
            Member::More => return self.out.boolean(page.more),
            Member::Before => return self.out.boolean(page.start > 0),
            Member::Page => return self.number(pick, page.counts_from + number),
            Member::NextPage => return self.some(pick, page.more.then_some(page.counts_from + number + 1)),
            Member::PreviousPage => {
                return self.some(pick, number.checked_sub(1).map(|before| page.counts_from + before));
            }
            Member::Size => return self.number(pick, page.limit.min(i32::MAX as u64)),
            Member::Pages => return self.some(pick, page.total.map(|total| total.div_ceil(page.limit.max(1)))),
            Member::Offset => return self.number(pick, page.start),
            Member::NextCursor | Member::Cursor if page.more => cursor(self, last),
            Member::EndCursor => cursor(self, last),
            Member::StartCursor => cursor(self, 0),
            _ => None,
        };
        match text {
            Some(text) => self.out.text(&text),
            None => self.nothing(pick),
        }
    }

    /// Writes an error code: a word, or a number if the schema's type is `Int`.
    fn code(&mut self, pick: &SelectedField, content: &EnvelopeContent) {
        let number = pick.ty == "Int";
        match content {
            EnvelopeContent::Failed(code, _) if number => self.out.raw(code),
            EnvelopeContent::Failed(code, _) => self.out.text(code),
            EnvelopeContent::One(None) if number => self.out.number(404),
            EnvelopeContent::One(None) => self.out.text("NOT_FOUND"),
            _ if number => self.out.number(200),
            _ => self.nothing(pick),
        }
    }

    fn some(&mut self, pick: &SelectedField, value: Option<u64>) {
        match value {
            Some(value) => self.number(pick, value),
            None => self.nothing(pick),
        }
    }

    /// Writes a number, as a string if the schema's type is a string.
    fn number(&mut self, pick: &SelectedField, value: u64) {
        if matches!(pick.ty.as_str(), "String" | "ID") {
            self.out.plain(value.to_string().as_bytes());
        } else {
            self.out.number(value);
        }
    }
}
