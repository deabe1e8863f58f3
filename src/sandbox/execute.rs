//! Answers root fields by writing the selected fields straight into the buffer of the answer.
//!
//! An envelope is recognised by what its fields are called and by their types, so a dialect may be flat or deep: what
//! has the type of an entity is a record (or the list of the page's records), `success`, `totalDocs`, `hasNextPage` and
//! the like are filled in wherever they stand, and every other object is gone into.

use super::data::{Entry, List, World};
use super::nested::CHANNELS;
use super::object::{Object, Shape, Value};
use super::out::Out;
use super::plan::Pick;

/// What an envelope carries.
#[derive(Debug, Clone)]
pub enum Content {
    /// A page of a list.
    Page {
        /// Which list.
        list: List,
        /// The rows of the page.
        rows: Vec<Entry>,
        /// How many rows the list has; `None` is answered as null.
        total: Option<u64>,
        /// There are rows behind this page.
        more: bool,
    },
    /// One record, or none.
    One(Option<Object>),
    /// The connected channels.
    Channels,
    /// A token.
    Token {
        /// Its text.
        text: String,
        /// Its life.
        seconds: u64,
    },
    /// A failure inside the payload: a code and a message.
    Failed(&'static str, &'static str),
}

impl Content {
    /// How many rows are answered.
    pub fn rows(&self) -> u64 {
        match self {
            Content::Page { rows, .. } => rows.len() as u64,
            Content::One(one) => u64::from(one.is_some()),
            Content::Channels => CHANNELS,
            Content::Token { .. } | Content::Failed(..) => 0,
        }
    }
}

/// Writes answers.
#[derive(Debug)]
pub struct Writer<'a> {
    /// The account.
    pub world: &'a World,
    /// Where to.
    pub out: &'a mut Out,
}

impl Writer<'_> {
    /// Writes the value of a root field (and, by recursion, of every field of its envelope).
    pub fn envelope(&mut self, pick: &Pick, content: &Content) {
        if pick.leaf {
            return self.scalar(&pick.name, content);
        }
        match content {
            Content::Page { list, rows, .. } if pick.list => {
                let (list, mut first) = (*list, true);
                self.out.raw("[");
                for entry in rows {
                    self.comma(&mut first);
                    let object = self.world.object(list, *entry);
                    self.object(&pick.picks, object);
                }
                self.out.raw("]");
            }
            Content::Channels if pick.list => {
                let dice = self.world.dice();
                let first = Object {
                    shape: Shape::Channel,
                    dice,
                    number: 0,
                    version: 0,
                    parent: 0,
                };
                self.value(pick, Value::List(first, CHANNELS));
            }
            Content::One(one) if is_entity(&pick.ty) => {
                self.value(pick, one.map_or(Value::Null, Value::Object));
            }
            Content::Failed(..) if pick.name == "data" => self.out.raw("null"),
            _ => self.fields(&pick.picks, |writer, inner| writer.envelope(inner, content)),
        }
    }

    fn scalar(&mut self, name: &str, content: &Content) {
        let out = &mut *self.out;
        match (name, content) {
            ("success", content) => out.boolean(!matches!(content, Content::Failed(..) | Content::One(None))),
            ("code", Content::Failed(code, _)) => out.text(code),
            ("message", Content::Failed(_, message)) => out.text(message),
            ("code", Content::One(None)) => out.raw("\"NOT_FOUND\""),
            ("message", Content::One(None)) => out.raw("\"Record not found\""),
            ("totalDocs" | "total" | "totalCount" | "count", Content::Page { total: Some(total), .. }) => {
                out.number(*total);
            }
            ("hasNextPage" | "hasMore", Content::Page { more, .. }) => out.boolean(*more),
            ("accessToken" | "access_token" | "token", Content::Token { text, .. }) => out.text(text),
            ("expiresIn" | "expires_in", Content::Token { seconds, .. }) => out.number(*seconds),
            _ => out.raw("null"),
        }
    }

    /// Writes the selected fields of an object.
    pub fn object(&mut self, picks: &[Pick], object: Object) {
        self.fields(picks, |writer, pick| {
            let value = object.field(writer.world, &pick.name, writer.out);
            writer.value(pick, value);
        });
    }

    fn value(&mut self, pick: &Pick, value: Value) {
        match value {
            Value::Null => self.out.raw("null"),
            Value::Written => {}
            Value::Object(object) => self.object(&pick.picks, object),
            Value::List(start, count) => {
                let mut first = true;
                self.out.raw("[");
                for n in 0..count {
                    self.comma(&mut first);
                    self.object(&pick.picks, start.nth(n));
                }
                self.out.raw("]");
            }
        }
    }

    fn fields(&mut self, picks: &[Pick], mut write: impl FnMut(&mut Self, &Pick)) {
        let mut first = true;
        self.out.raw("{");
        for pick in picks {
            self.comma(&mut first);
            self.out.raw(&pick.key);
            if pick.name == "__typename" {
                self.out.text(&pick.on);
            } else {
                write(self, pick);
            }
        }
        self.out.raw("}");
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.raw(",");
        }
    }
}

fn is_entity(ty: &str) -> bool {
    crate::streams::ALL
        .iter()
        .any(|stream| stream.definition().entity == ty)
}
