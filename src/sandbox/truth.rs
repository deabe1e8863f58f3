//! What a perfect export would hold: every current record, every documented column, in list order.
//!
//! Columns of object types that no page describes are null here, because the shipped selection leaves them out; the
//! other objects have the sub-fields it asks for. The lines are made page by page, so that any size costs one page.

use std::sync::{Mutex, PoisonError};

use super::data::{List, World};
use super::drift::Lists;
use super::execute::Writer;
use super::out::Out;
use super::plan::Pick;
use crate::streams::{Kind, Stream};

/// Rows made at a time.
const CHUNK: u64 = 500;

/// A walk through a stream's current records.
#[derive(Debug)]
pub struct Truth {
    picks: Vec<Pick>,
    /// What is still to be read: a list and the next position in it; for messages also the next conversation.
    at: Option<(List, u64)>,
    next_conversation: Option<u64>,
}

impl Truth {
    /// From the beginning of a stream.
    pub fn of(stream: Stream) -> Truth {
        let picks = stream.columns().iter().map(|c| column(c.name, c.kind)).collect();
        let at = List::of(stream).map(|list| (list, 0));
        Truth {
            picks,
            at,
            next_conversation: (stream == Stream::Messages).then_some(0),
        }
    }

    /// The next lines; `None` at the end.
    pub fn next_lines(&mut self, world: &World, lists: &Mutex<Lists>) -> Option<Vec<u8>> {
        let mut out = Out {
            bytes: Vec::new(),
            lossy: true,
        };
        let mut rows = 0;
        while rows < CHUNK {
            let lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((list, from)) = self.at.or_else(|| self.step(&lists)) else {
                break;
            };
            let entries = lists.slice(list, from..from + CHUNK);
            drop(lists);
            rows += entries.len() as u64;
            self.at = (entries.len() as u64 == CHUNK).then_some((list, from + CHUNK));
            for entry in entries {
                Writer { world, out: &mut out }.object(&self.picks, world.object(list, entry));
                out.raw("\n");
            }
        }
        (!out.bytes.is_empty()).then_some(out.bytes)
    }

    /// The messages of the next conversation.
    fn step(&mut self, lists: &Lists) -> Option<(List, u64)> {
        let next = self.next_conversation?;
        let conversation = lists.slice(List::Conversations, next..next + 1).first().copied()?;
        self.next_conversation = Some(next + 1);
        Some((List::Messages(conversation.number), 0))
    }
}

/// A column under the shipped selection.
fn column(name: &str, kind: Kind) -> Pick {
    let fields: &[&str] = match name {
        "tags" => &["_id", "name", "color"],
        "lastMessage" => &["content", "createdAt", "channelType", "senderType"],
        "channels" => &["_id", "name", "type"],
        "sender" => &["name", "avatar"],
        "media" => &["url", "type"],
        _ => &[],
    };
    let left_out = kind == Kind::Json && fields.is_empty() && !name.ends_with("_cards");
    // A field nobody knows is null.
    let asked = if left_out { "" } else { name };
    let inner = fields.iter().map(|field| plain(field, field, Vec::new())).collect();
    plain(name, asked, inner)
}

fn plain(key: &str, name: &str, picks: Vec<Pick>) -> Pick {
    Pick {
        key: format!("\"{key}\":"),
        alias: key.to_owned(),
        name: name.to_owned(),
        on: String::new(),
        ty: String::new(),
        list: false,
        leaf: picks.is_empty(),
        picks,
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::Size;
    use super::*;
    use std::sync::Arc;

    fn lines(stream: Stream) -> Vec<serde_json::Value> {
        let size = Size {
            contacts: 1200,
            persons: 3,
            conversations: 40,
            messages: 2500,
        };
        let world = Arc::new(World::new(7, size, true));
        let lists = Mutex::new(Lists::new(Arc::clone(&world), None));
        let mut truth = Truth::of(stream);
        let mut all = Vec::new();
        while let Some(lines) = truth.next_lines(&world, &lists) {
            for line in String::from_utf8(lines).unwrap().lines() {
                all.push(serde_json::from_str(line).unwrap());
            }
        }
        all
    }

    #[test]
    fn every_record_is_there_once_with_every_column_in_order() {
        for (stream, count) in [
            (Stream::Contacts, 1200),
            (Stream::CustomerPersons, 3),
            (Stream::Conversations, 40),
            (Stream::Messages, 2500),
        ] {
            let all = lines(stream);
            assert_eq!(all.len(), count, "{stream}");
            let ids: std::collections::HashSet<&str> = all.iter().map(|r| r["_id"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), count);
            let documented: Vec<&str> = stream.columns().iter().map(|c| c.name).collect();
            for record in &all {
                let mut keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
                let mut documented = documented.clone();
                keys.sort_unstable();
                documented.sort_unstable();
                assert_eq!(keys, documented);
            }
        }
    }

    #[test]
    fn objects_have_the_sub_fields_that_are_asked_for_and_unknown_ones_are_null() {
        let messages = lines(Stream::Messages);
        assert!(
            messages
                .iter()
                .all(|m| m["emailData"].is_null() && m["failedReason"].is_null())
        );
        assert!(messages.iter().any(|m| m["sender"]["name"].is_string()));
        assert!(messages.iter().any(|m| m["template_cards"].is_object()));
        assert!(
            messages
                .iter()
                .any(|m| m["media"].as_array().is_some_and(|a| a.len() > 1))
        );
        let conversations = lines(Stream::Conversations);
        assert!(conversations.iter().any(|c| c["lastMessage"]["createdAt"].is_string()));
    }
}
