//! Writes the fields of the records in the four large streams. The code matches fields by name. A documented text or
//! boolean column without a rule of its own gets random values of its kind. Any other unknown field is null.

use crate::sandbox::account::data::{CHANNELS, GeneratedAccount, IdKind};
use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::list::{List, ListEntry};
use crate::sandbox::account::object::{GeneratedType, Object, Value};
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::account::text;
use crate::streams::{ColumnKind, Stream};

pub(in crate::sandbox) fn id(world: &GeneratedAccount, kind: IdKind, number: u64, out: &mut JsonWriter) {
    out.plain(&world.ids(kind).id(number));
}

/// Writes a random word from a table, or null if the entry is `None`.
pub(in crate::sandbox) fn word(dice: RandomTable, table: &[Option<&str>], out: &mut JsonWriter) {
    match dice.pick(table) {
        Some(word) => out.text(word),
        None => out.raw("null"),
    }
}

fn flag(dice: RandomTable, out: &mut JsonWriter) {
    out.raw(dice.pick(&["true", "true", "false", "null"]));
}

/// Writes a random value for a documented column that has no rule of its own. Returns [`Value::Null`] for kinds that
/// need a rule.
pub(in crate::sandbox) fn of_kind(stream: Stream, name: &str, dice: RandomTable, out: &mut JsonWriter) -> Value {
    match stream.column(name).map(|column| column.kind) {
        Some(ColumnKind::Text) => text::line(dice, out),
        Some(ColumnKind::Boolean) => flag(dice, out),
        Some(ColumnKind::Id | ColumnKind::Timestamp | ColumnKind::Json | ColumnKind::Integer) | None => {
            return Value::Null;
        }
    }
    Value::Written
}

fn tags(object: Object) -> Value {
    let dice = object.of("tags");
    match dice.at(1).below(10) {
        0 => Value::Null,
        1..5 => Value::List(object.inner(GeneratedType::Tag, 0), 0),
        other => Value::List(object.inner(GeneratedType::Tag, dice.at(2).below(30)), 1 + other % 3),
    }
}

fn url(kind: &str, dice: RandomTable, out: &mut JsonWriter) {
    out.raw("\"https://cdn.example.com/");
    out.raw(kind);
    out.raw("/");
    out.number(dice.below(1 << 40));
    out.raw(".png?w=100&h=100");
    out.sign("&");
    out.raw("\"");
}

const LANGUAGES: [Option<&str>; 6] = [Some("tr"), Some("en"), Some("de"), Some("ar"), None, Some("")];

pub(in crate::sandbox) fn contact(object: Object, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
    let dice = object.of(name);
    match name {
        "_id" => id(world, IdKind::Contact, object.number, out),
        "customer" => id(world, IdKind::Customer, 0, out),
        "firstName" => text::first_name(dice, object.version, out),
        "lastName" => text::last_name(dice, out),
        "username" if dice.at(1).chance(600) => return Value::Null,
        "username" => text::line(dice, out),
        "avatar" => url("avatar", dice, out),
        "email" if dice.at(9).chance(250) => return Value::Null,
        "email" => text::email(dice, object.number, out),
        "phone" if dice.at(9).chance(150) => return Value::Null,
        "phone" => text::phone(dice, out),
        "phoneCountryCode" => word(dice, &[Some("90"), Some("+90"), Some("0049"), Some(""), None], out),
        "country" => word(dice, &[Some("TR"), Some("Türkiye"), Some("DE"), Some("NA"), None, Some("")], out),
        "gender" => word(dice, &[Some("FEMALE"), Some("MALE"), None, None, Some("")], out),
        "tags" => return tags(object),
        "createdAt" => world.dates().write(world.created(List::Contacts, object.number), out),
        "phoneUsagePermission" | "emailUsagePermission" => flag(dice, out),
        "language" => word(dice, &LANGUAGES, out),
        "owner" if world.size().persons == 0 || dice.at(1).chance(500) => return Value::Null,
        "owner" => id(world, IdKind::Person, dice.below(world.size().persons), out),
        _ => return of_kind(Stream::Contacts, name, dice, out),
    }
    Value::Written
}

pub(in crate::sandbox) fn person(object: Object, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
    let dice = object.of(name);
    match name {
        "_id" => id(world, IdKind::Person, object.number, out),
        "customer" => id(world, IdKind::Customer, 0, out),
        "type" => out.plain(dice.pick(&["JR_AGENT", "PERSON", "PERSON", "ADMIN", "OWNER", "ROBOT"]).as_bytes()),
        "status" => out.plain(dice.pick(&["ACTIVE", "ACTIVE", "PASSIVE", "INVITED"]).as_bytes()),
        "firstName" => text::first_name(dice, object.version, out),
        "lastName" => text::line(dice, out),
        "profilePhoto" if dice.at(1).chance(300) => return Value::Null,
        "profilePhoto" => url("staff", dice, out),
        "email" => text::email(dice, object.number, out),
        "phone" if dice.at(9).chance(300) => return Value::Null,
        "phone" => text::phone(dice, out),
        "language" => word(dice, &LANGUAGES, out),
        _ => return of_kind(Stream::CustomerPersons, name, dice, out),
    }
    Value::Written
}

pub(in crate::sandbox) fn conversation(
    object: Object,
    world: &GeneratedAccount,
    name: &str,
    out: &mut JsonWriter,
) -> Value {
    let dice = object.of(name);
    let size = world.size();
    match name {
        "_id" => id(world, IdKind::Conversation, object.number, out),
        "customer" => id(world, IdKind::Customer, 0, out),
        "joinedPerson" if size.contacts == 0 => return Value::Null,
        "joinedPerson" => id(world, IdKind::Contact, dice.below(size.contacts), out),
        "joinedCPerson" if size.persons == 0 || dice.at(1).chance(200) => return Value::Null,
        "joinedCPerson" => id(world, IdKind::Person, dice.below(size.persons), out),
        "isStarred" => flag(dice, out),
        // An edit changes the status. It cycles, so that two versions in a row always differ.
        "status" => {
            let at = (dice.below(4) + u64::from(object.version)) % 4;
            out.plain([&b"OPEN"[..], b"PENDING", b"SOLVED", b"CLOSED"][at as usize]);
        }
        "isGroupOrChannel" => out.boolean(dice.chance(50)),
        "lastMessage" => {
            // `parent` holds a night's newest message plus 1; 0 means that no night added a message.
            let newest = match object.parent {
                0 => world.newest_message(object.number),
                next => {
                    let entry = ListEntry { number: next - 1, version: 0 };
                    Some(world.object(List::Messages(object.number), entry))
                }
            };
            return match newest {
                Some(newest) => Value::Object(Object { shape: GeneratedType::LastMessage, ..newest }),
                None => Value::Null,
            };
        }
        "lastReceivedMessageChannel" => id(world, IdKind::Channel, dice.below(CHANNELS), out),
        "tags" => return tags(object),
        "channels" => {
            return Value::List(object.inner(GeneratedType::Channel, dice.at(1).below(CHANNELS)), dice.at(2).below(3));
        }
        "type" => word(dice, &[Some("LIVECHAT"), Some("WHATSAPP"), Some("EMAIL"), Some("INSTAGRAM"), None], out),
        "picture" => url("group", dice, out),
        "priority" => word(dice, &[Some("LOW"), Some("MEDIUM"), Some("HIGH"), None], out),
        _ => return of_kind(Stream::Conversations, name, dice, out),
    }
    Value::Written
}

/// Returns the channel type of a message. Several other fields depend on it.
pub(in crate::sandbox) fn channel_type(message: Object) -> &'static str {
    message.of("channelType").pick(&["WHATSAPP", "WHATSAPP", "LIVECHAT", "LIVECHAT", "INSTAGRAM", "EMAIL"])
}

pub(in crate::sandbox) fn message(object: Object, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
    let dice = object.of(name);
    match name {
        "_id" => id(world, IdKind::Message, object.number, out),
        "sender" if dice.at(1).chance(30) => return Value::Null,
        "sender" => return Value::Object(object.inner(GeneratedType::Sender, object.number)),
        "conversation" => id(world, IdKind::Conversation, object.parent, out),
        "messageType" => word(dice, &[Some("TEXT"), Some("TEXT"), Some("TEXT"), Some("IMAGE"), Some("TEMPLATE")], out),
        "channelType" => out.plain(channel_type(object).as_bytes()),
        "senderType" => out.plain(dice.pick(&["CUSTOMER", "AGENT", "BOT", "SYSTEM"]).as_bytes()),
        "content" => text::body(dice, object.number, object.version, out),
        "contentHtml" | "subject" | "emailData" if channel_type(object) != "EMAIL" => return Value::Null,
        "contentHtml" => text::html(dice, out),
        "subject" => text::line(dice, out),
        "emailData" => return Value::Object(object.inner(GeneratedType::Email, object.number)),
        "media" => {
            return match dice.at(1).below(20) {
                0..4 => Value::Null,
                4..17 => Value::List(object.inner(GeneratedType::Media, 0), 0),
                other => Value::List(object.inner(GeneratedType::Media, 0), other - 16),
            };
        }
        "template_cards" | "product_cards" if dice.at(9).chance(940) => return Value::Null,
        "template_cards" | "product_cards" => text::cards(dice, out),
        "channelMessageId" if dice.at(1).chance(100) => return Value::Null,
        "channelMessageId" => {
            out.raw(dice.at(2).pick(&["\"wamid.HBgM==", "\"00", "\"mid.$"]));
            out.number(dice.bits());
            out.raw("\"");
        }
        "ackStatus" => word(dice, &[Some("READ"), Some("DELIVERED"), Some("SENT"), Some("FAILED"), None], out),
        "createdAt" => world.dates().write(world.created(List::Messages(object.parent), object.number), out),
        "autoCreate" => flag(dice, out),
        "flowBotId" if dice.at(1).chance(900) => return Value::Null,
        "flowBotId" => out.number(dice.below(1000)),
        _ => return of_kind(Stream::Messages, name, dice, out),
    }
    Value::Written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Dialect, field_name};
    use crate::sandbox::account::data::Size;
    use crate::sandbox::account::fields;
    use crate::sandbox::dialects::DEFAULT_SDL;
    use apollo_compiler::ast::Type;
    use apollo_compiler::schema::ExtendedType;
    use serde_json::Value as Json;

    fn world() -> GeneratedAccount {
        GeneratedAccount::new(7, Size { contacts: 400, persons: 400, conversations: 400, messages: 4000 }, true)
    }

    /// Returns some records of a stream; for messages, those of the longest conversation.
    fn some(world: &GeneratedAccount, stream: Stream) -> Vec<Object> {
        let longest = (0..400).map(List::Messages).max_by_key(|list| world.len(*list));
        let list = match List::of(stream) {
            List::AllMessages => longest.unwrap(),
            list => list,
        };
        let entries = world.slice(list, 0..400);
        entries.map(|entry: ListEntry| world.object(list, entry)).collect()
    }

    /// Writes every field of an object, with everything inside it, as the schema's types say.
    fn whole(
        world: &GeneratedAccount,
        schema: &apollo_compiler::Schema,
        object: Object,
        ty: &str,
        out: &mut JsonWriter,
    ) {
        let Some(ExtendedType::Object(definition)) = schema.types.get(ty) else { panic!("{ty} has no fields") };
        out.raw("{");
        for (n, (name, field)) in definition.fields.iter().enumerate() {
            out.raw(if n > 0 { "," } else { "" });
            out.text(name);
            out.raw(":");
            let inner = field.ty.inner_named_type();
            match fields::field(object, world, name, out) {
                Value::Null => out.raw("null"),
                Value::Written => {}
                Value::Object(object) => whole(world, schema, object, inner, out),
                Value::List(first, count) => {
                    out.raw("[");
                    for n in 0..count {
                        out.raw(if n > 0 { "," } else { "" });
                        whole(world, schema, first.nth(n), inner, out);
                    }
                    out.raw("]");
                }
            }
        }
        out.raw("}");
    }

    fn conforms(schema: &apollo_compiler::Schema, ty: &Type, value: &Json) -> bool {
        if value.is_null() {
            return !ty.is_non_null();
        }
        if ty.is_list() {
            return value.as_array().is_some_and(|items| items.iter().all(|i| conforms(schema, ty.item_type(), i)));
        }
        match (ty.inner_named_type().as_str(), &schema.types[ty.inner_named_type()]) {
            ("ID" | "String" | "Date", _) => value.is_string(),
            ("Boolean", _) => value.is_boolean(),
            ("Int", _) => value.is_i64(),
            (_, ExtendedType::Scalar(_)) => true,
            (_, ExtendedType::Enum(choices)) => choices.values.keys().any(|name| *value == name.as_str()),
            (_, ExtendedType::Object(object)) => {
                object.fields.iter().all(|(name, field)| conforms(schema, &field.ty, &value[name.as_str()]))
            }
            _ => false,
        }
    }

    #[test]
    fn every_value_is_what_the_schema_says() {
        let (world, schema) = (world(), apollo_compiler::Schema::parse_and_validate(DEFAULT_SDL, "s").unwrap());
        for stream in crate::streams::ALL {
            let entity = stream.definition().entity;
            let Some(ExtendedType::Object(definition)) = schema.types.get(entity) else { panic!("{entity}") };
            for object in some(&world, stream) {
                let mut out = JsonWriter { lossy: true, ..JsonWriter::default() };
                whole(&world, &schema, object, entity, &mut out);
                let value: Json = serde_json::from_slice(&out.bytes).unwrap();
                for (name, field) in &definition.fields {
                    let value = &value[name.as_str()];
                    assert!(conforms(&schema, &field.ty, value), "{entity}.{name}: {} is {value}", field.ty);
                }
            }
        }
    }

    /// Returns whether a value, or an object of a list, has a value in this member.
    fn has(value: &Json, member: &str) -> bool {
        match value {
            Json::Array(items) => items.iter().any(|item| has(item, member)),
            value => !value[member].is_null(),
        }
    }

    #[test]
    fn every_field_that_the_shipped_dialect_asks_for_has_values() {
        let (world, schema) = (world(), apollo_compiler::Schema::parse_and_validate(DEFAULT_SDL, "s").unwrap());
        let shipped = Dialect::shipped().unwrap();
        for stream in crate::streams::ALL {
            let records: Vec<Json> = some(&world, stream)
                .into_iter()
                .map(|object| {
                    let mut out = JsonWriter { lossy: true, ..JsonWriter::default() };
                    whole(&world, &schema, object, stream.definition().entity, &mut out);
                    serde_json::from_slice(&out.bytes).unwrap()
                })
                .collect();
            for field in &shipped.stream(stream).unwrap().fields {
                let (column, words) = (field_name(field), field.split([' ', '{', '}']).filter(|word| !word.is_empty()));
                let place = "src/sandbox/account/records.rs or channels.rs";
                let is_filled = records.iter().any(|record| has(record, column));
                assert!(is_filled, "{place}: no record of {stream} has a value in `{column}`");
                for inner in words.skip(1) {
                    let is_filled = records.iter().any(|record| has(&record[column], inner));
                    assert!(is_filled, "src/sandbox/account/nested.rs: no `{column}` of {stream} has `{inner}`");
                }
            }
        }
    }

    #[test]
    fn an_edit_is_seen_in_every_record() {
        let (world, schema) = (world(), apollo_compiler::Schema::parse_and_validate(DEFAULT_SDL, "s").unwrap());
        for stream in crate::streams::ALL {
            for object in some(&world, stream) {
                let written = |version| {
                    let mut out = JsonWriter::default();
                    let object = Object { version, ..object };
                    whole(&world, &schema, object, stream.definition().entity, &mut out);
                    out.bytes
                };
                assert_eq!(written(1), written(1));
                assert!(written(0) != written(1) && written(1) != written(2), "{stream} {}", object.number);
            }
        }
    }
}
