//! `mask_at` and `[mask.STREAM]`: which values are masked, how, and where.

use super::job::{Job, Mask, MaskAt};
use super::origin::{Origin, Picker};
use super::stream_names::stream_named;
use super::{env, toml_error};
use crate::error::{Error, Result};
use crate::record::mask;
use crate::record::mask::{Flag, Masks, Rule, Treatment};
use crate::secret::Secret;
use crate::streams::{self, ColumnKind, Stream};

impl MaskAt {
    /// Returns the fingerprint ([`Masks::fingerprint`]) of the masks that are applied before records are stored in
    /// the mirror. Returns `""` if none are.
    pub fn landing(self, masks: &Masks) -> String {
        if self == MaskAt::Landing { masks.fingerprint() } else { String::new() }
    }

    /// Returns the fingerprint of the masks that are applied when a stream's records are delivered. Returns `""` if
    /// none are.
    pub fn delivery(self, masks: &Masks, stream: Stream) -> String {
        if self == MaskAt::Delivery { masks.fingerprint_of(stream) } else { String::new() }
    }
}

/// The fewest characters of a mask key. A shorter key could be found by trying all possible keys.
const LEAST_KEY: usize = 16;

/// Reads the masks of a job, and where they are applied. Returns an error if a mask does not suit its column, or if
/// the key that masks need is not set.
pub fn masks(p: &mut Picker<'_>, job: &Job) -> Result<(Masks, MaskAt)> {
    let at = p.pick("mask_at", None, job.mask_at, MaskAt::Delivery);
    let mut masks = Masks::default();
    for (name, columns) in &job.mask {
        let stream = stream_named(name, &format!("{}: [mask.{name}]", p.place))?;
        for (path, mask) in columns {
            let how = match mask {
                Mask::Keep => continue,
                Mask::Drop => Treatment::Drop,
                Mask::Hmac => Treatment::Hmac,
                Mask::Redact => Treatment::Redact,
            };
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            check(stream, &path, how).map_err(|what| wrong(p, stream, &path, &what))?;
            p.note(&format!("mask.{stream}.{}", path.join(".")), format!("{how:?}").to_lowercase(), Origin::Job);
            masks.rules[stream].push(Rule { path, how, met: Flag::default() });
        }
    }
    let mut parents = streams::ALL.into_iter().filter(|s| mask::has_partitions(*s) && !masks.rules[*s].is_empty());
    if masks.rules_of(Treatment::Hmac) {
        masks.key = key(p.place, "a mask is \"hmac\", which needs a key")?;
    } else if let Some(stream) = parents.next().filter(|_| at == MaskAt::Landing) {
        let why = format!(
            "[mask.{stream}] with mask_at = \"landing\" needs a key: that one of the {stream} has changed is told by a keyed \
             hash of what is masked"
        );
        masks.key = key(p.place, &why)?;
    }
    Ok((masks, at))
}

fn key(place: &str, why: &str) -> Result<Secret> {
    let name = env::MASK_KEY;
    let Some((key, from)) = env::read(name)? else {
        return Err(Error::usage(format!(
            "{place}: {why}: set {name} (or {name}_FILE) to a long random text and keep it"
        )));
    };
    if key.len() < LEAST_KEY {
        return Err(Error::usage(format!("{from} is too short to be a key: {LEAST_KEY} characters or more")));
    }
    Ok(Secret::new(key))
}

fn check(stream: Stream, path: &[String], how: Treatment) -> std::result::Result<(), String> {
    let whole = path.join(".");
    let [column, below @ ..] = path else { return Err("a column without a name".into()) };
    if path.iter().any(String::is_empty) {
        return Err(format!("`{whole}` has an empty name in it"));
    }
    if column == "_extra" {
        return Ok(());
    }
    let Some(found) = stream.columns().iter().find(|c| c.name == column) else {
        let known: Vec<String> =
            stream.columns().iter().map(|c| c.name).chain(["_extra"]).map(|n| format!("`{n}`")).collect();
        let what = toml_error::plain(&format!("unknown field `{column}`, expected one of {}", known.join(", ")));
        return Err(what.replacen("unknown key", "there is no column", 1));
    };
    match (found.kind, below) {
        _ if column == "_id" => Err("`_id` is what records are told apart and joined by, and cannot be masked".into()),
        _ if stream == Stream::Messages && column == "conversation" => {
            Err("`conversation` is what messages are joined to their conversations by, and cannot be masked".into())
        }
        _ if stream == Stream::Conversations && column == "joinedPerson" => {
            Err("`joinedPerson` is what conversations are joined to their contacts by, and cannot be masked".into())
        }
        (ColumnKind::Json, _) => Ok(()),
        (_, [_, ..]) => Err(format!("there is nothing inside `{column}`: write {column} for \"{whole}\"")),
        (ColumnKind::Boolean | ColumnKind::Timestamp | ColumnKind::Integer, []) if how != Treatment::Drop => {
            Err(format!("`{column}` holds a {}, which can only be dropped: write \"drop\"", found.kind.name()))
        }
        _ => Ok(()),
    }
}

fn wrong(p: &Picker<'_>, stream: Stream, path: &[String], what: &str) -> Error {
    let line = toml_error::line_of_path(p.text, &format!("mask.{stream}.{}", path.join(".")));
    let line = line.map(|l| format!(":{l}")).unwrap_or_default();
    Error::usage(format!("{}{line}: [mask.{stream}] {what}", p.place))
}

#[cfg(test)]
mod tests {
    use super::super::flags::Flags;
    use super::super::settings::Settings;
    use super::*;

    const KEY: &str = "[source]\nclient_id = \"id\"\nclient_secret = \"s\"\n";

    fn load(lines: &str) -> Result<Settings> {
        Settings::of_text(&format!("{KEY}{lines}\n"), "j.toml", &Flags::default())
    }

    #[test]
    fn masks_are_read_and_shown() {
        let s =
            load("[mask.contacts]\nemail = \"drop\"\nphone = \"keep\"\n\"tags.name\" = \"redact\"\n_extra = \"drop\"")
                .expect("settings");
        assert_eq!(s.masks.rules[Stream::Contacts].len(), 3);
        assert_eq!(s.mask_at, MaskAt::Delivery);
        let shown = s.print();
        assert!(shown.contains("mask.contacts.tags.name = redact") && !shown.contains("phone"), "{shown}");
    }

    #[test]
    fn what_cannot_be_masked_so_is_named_with_its_line() {
        let refused = |lines: &str| load(lines).expect_err(lines).detail;
        for (lines, told) in [
            (
                "[mask.contacts]\n_id = \"drop\"",
                "j.toml:5: [mask.contacts] `_id` is what records are told apart and joined by, and cannot be masked",
            ),
            (
                "[mask.messages]\nconversation = \"hmac\"",
                "j.toml:5: [mask.messages] `conversation` is what messages are joined to their conversations by, and cannot be masked",
            ),
            (
                "[mask.conversations]\njoinedPerson = \"drop\"",
                "j.toml:5: [mask.conversations] `joinedPerson` is what conversations are joined to their contacts by, and cannot be masked",
            ),
            (
                "[mask.contacts]\nemial = \"drop\"",
                "j.toml:5: [mask.contacts] there is no column `emial`; did you mean `email`?",
            ),
            (
                "[mask.contacts]\ncreatedAt = \"redact\"",
                "j.toml:5: [mask.contacts] `createdAt` holds a timestamp, which can only be dropped: write \"drop\"",
            ),
            (
                "[mask.contacts]\n\"email.x\" = \"drop\"",
                "j.toml:5: [mask.contacts] there is nothing inside `email`: write email for \"email.x\"",
            ),
            (
                "[mask.contacts]\nemail = \"hide\"",
                "j.toml:5: email: unknown value `hide`; known here: drop, hmac, redact, keep",
            ),
        ] {
            assert_eq!(refused(lines), told);
        }
        assert!(refused("[mask.contact]\nemail = \"drop\"").contains("did you mean `contacts`?"));
        assert!(refused("[mask.contacts]\nemail = \"hmac\"").contains("QPIEN_MASK_KEY"));
        let landing = Settings::of_text(
            &format!("mask_at = \"landing\"\n{KEY}[mask.conversations]\nlastMessage = \"drop\"\n"),
            "j.toml",
            &Flags::default(),
        );
        let landing = landing.expect_err("no key").detail;
        assert!(landing.contains("told by a keyed hash") && landing.contains("QPIEN_MASK_KEY"), "{landing}");
    }
}
