//! Writes the fields of objects inside records: tags, channels, senders, media and others.

use crate::sandbox::account::data::{CHANNELS, GeneratedAccount, IdKind};
use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::list::List;
use crate::sandbox::account::object::{GeneratedType, Object, Value};
use crate::sandbox::account::records::{channel_type, id, word};
use crate::sandbox::account::{channels, records, text};

const TAGS: u64 = 30;

/// Writes a field of an object inside a record.
pub(in crate::sandbox) fn field(object: Object, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
    match object.shape {
        GeneratedType::Tag => tag(object, world, name, out),
        GeneratedType::LastMessage => last_message(object, world, name, out),
        GeneratedType::Channel => {
            let number = object.number % CHANNELS;
            // Inside another record, a channel appears as it was generated, without its edits.
            let object = Object { number, version: 0, ..object };
            channels::platform(object, world, name, out)
        }
        GeneratedType::Sender => sender(object, name, out),
        GeneratedType::Media => media(object, name, out),
        GeneratedType::Email => email(object, name, out),
        GeneratedType::Contact
        | GeneratedType::Person
        | GeneratedType::Conversation
        | GeneratedType::Message
        | GeneratedType::Platform
        | GeneratedType::Template => Value::Null,
    }
}

/// Writes a field of a tag. A tag looks the same in every record that contains it, because its values depend on its
/// number alone.
fn tag(object: Object, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
    let number = object.number % TAGS;
    let dice = world.dice().named("tags").at(number);
    match name {
        "_id" => id(world, IdKind::Tag, number, out),
        "name" => text::label(dice, number, 0, out),
        "color" => word(dice.at(7), &[Some("#ff0000"), Some("#00aa88"), Some(""), None], out),
        _ => return Value::Null,
    }
    Value::Written
}

fn last_message(object: Object, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
    let message = Object { shape: GeneratedType::Message, ..object };
    match name {
        "content" | "senderType" => return records::message(message, world, name, out),
        "channelType" => out.plain(channel_type(message).as_bytes()),
        "createdAt" => world.dates().write(world.created(List::Messages(object.parent), object.number), out),
        _ => return Value::Null,
    }
    Value::Written
}

fn sender(object: Object, name: &str, out: &mut JsonWriter) -> Value {
    match name {
        "name" => text::first_name(object.of(name), 0, out),
        "avatar" if object.of(name).chance(500) => return Value::Null,
        "avatar" => {
            out.raw("\"https://cdn.example.com/a/1.png");
            out.sign("?");
            out.raw("\"");
        }
        _ => return Value::Null,
    }
    Value::Written
}

fn media(object: Object, name: &str, out: &mut JsonWriter) -> Value {
    match name {
        "url" => {
            out.raw("\"https:\\/\\/cdn.example.com\\/m\\/");
            out.number(object.of(name).below(1 << 50));
            out.raw("?sig=a%2Cb&e=1");
            out.sign("&");
            out.raw("\"");
        }
        "type" => word(object.of(name), &[Some("image/png"), Some("IMAGE"), Some("application/pdf"), None], out),
        _ => return Value::Null,
    }
    Value::Written
}

fn email(object: Object, name: &str, out: &mut JsonWriter) -> Value {
    match name {
        "from" | "to" => text::email(object.of(name), object.number, out),
        "messageId" => {
            out.raw("\"<");
            out.number(object.of(name).bits());
            out.raw("@mail.example.com>\"");
        }
        _ => return Value::Null,
    }
    Value::Written
}
