//! The fields of the records in the two small lists: connected channels and message templates.

use crate::sandbox::account::data::{GeneratedAccount, IdKind};
use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::object::{Object, Value};
use crate::sandbox::account::records::{id, of_kind, word};
use crate::sandbox::account::text;
use crate::streams::Stream;

/// The types of channels. Channel number `n` has the type at index `n` modulo their number.
const KINDS: [&str; 5] = ["WHATSAPP", "LIVECHAT", "INSTAGRAM", "EMAIL", "FACEBOOK"];

/// Writes a field of a channel. A channel looks the same in every record that contains it, because its values depend
/// on its number alone.
pub(in crate::sandbox) fn platform(
    object: Object,
    world: &GeneratedAccount,
    name: &str,
    out: &mut JsonWriter,
) -> Value {
    let number = object.number;
    let dice = world.dice().named("channels").at(number);
    let kind = KINDS[usize::try_from(number).unwrap_or(0) % KINDS.len()];
    match name {
        "_id" => id(world, IdKind::Channel, number, out),
        "name" => text::label(dice, number, object.version, out),
        "type" | "channelType" => out.plain(kind.as_bytes()),
        "status" => out.plain(dice.at(5).pick(&["CONNECTED", "CONNECTED", "DISCONNECTED"]).as_bytes()),
        "channelId" => {
            out.raw("\"000");
            out.number(dice.at(6).below(1 << 40));
            out.raw("\"");
        }
        "senderEmailAddress" if kind == "EMAIL" => out.raw("\"support@example.com\""),
        "senderEmailAddress" => return Value::Null,
        _ => return of_kind(Stream::Channels, name, dice, out),
    }
    Value::Written
}

pub(in crate::sandbox) fn template(
    object: Object,
    world: &GeneratedAccount,
    name: &str,
    out: &mut JsonWriter,
) -> Value {
    let dice = object.of(name);
    match name {
        "_id" => id(world, IdKind::Template, object.number, out),
        "name" => text::label(dice, object.number, object.version, out),
        "status" => out.plain(dice.pick(&["APPROVED", "APPROVED", "PENDING", "REJECTED"]).as_bytes()),
        "language" => word(dice, &[Some("tr"), Some("en_US"), Some("de"), None], out),
        "category" => word(dice, &[Some("MARKETING"), Some("UTILITY"), Some("AUTHENTICATION"), None], out),
        _ => return of_kind(Stream::WhatsappBusinessTemplates, name, dice, out),
    }
    Value::Written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::account::data::Size;
    use crate::sandbox::account::fields;
    use crate::sandbox::account::list::List;

    #[test]
    fn there_are_a_dozen_of_each_and_some_hurt() {
        let size = Size { contacts: 0, persons: 0, conversations: 0, messages: 0 };
        let world = GeneratedAccount::new(7, size, true);
        for list in [List::Channels, List::Templates] {
            assert_eq!(world.len(list), 12);
            let mut hurtful = 0;
            for entry in world.slice(list, 0..100) {
                let mut out = JsonWriter::default();
                fields::field(world.object(list, entry), &world, "name", &mut out);
                let text = String::from_utf8(out.bytes).unwrap();
                hurtful += usize::from(text.contains(['\\', ',', '=', '<', ';']) || !text.is_ascii());
            }
            assert!(hurtful > 0, "{list:?}");
        }
    }
}
