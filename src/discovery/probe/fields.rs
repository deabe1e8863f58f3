//! Learns which fields a server's records have where the schema is hidden, although the query for the list is known:
//! the fields of documented objects, and fields that no page documents.
//!
//! The names that are tested are those of the domain ([`candidates`]), and those that the server suggests instead. In
//! every type, one name is tested that no type has. If the server does not refuse it, it does not check names inside
//! that type, and nothing is learnt about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::discovery::infer::further::looks_secret;
use crate::discovery::names::{ID, PARTS};
use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};
use crate::discovery::probe::prober::Prober;
use crate::discovery::rejections::Lesson;
use crate::error::Result;
use crate::source::server::Server;
use crate::streams::Stream;

/// A name that no type has.
const CONTROL: &str = "qpien__control";
/// How many levels of objects below a record are looked into.
const LEVELS: usize = 2;

/// The fields that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldsFound {
    /// For each object that was looked into, its selection, such as `emailData { from to }`.
    pub objects: BTreeMap<String, String>,
    /// The selections of fields that no page documents.
    pub further: Vec<String>,
    /// Whether the server checks the names of fields, so that something could be learnt.
    pub is_judged: bool,
}

/// What is known of one type on the way.
#[derive(Debug, Default)]
struct Members {
    /// The fields without fields of their own.
    leaves: Vec<String>,
    /// The fields that are objects.
    objects: Vec<String>,
    /// The names of those objects that come as a list.
    lists: BTreeSet<String>,
    /// Whether the server refused the name that no type has.
    is_checked: bool,
}

/// Learns the fields of a stream's records, in at most `budget` requests. `way` is the path to the records: the query,
/// then the members of its answer. `objects` are the documented objects to look into. Fails if the server cannot be asked.
pub async fn learn_fields(
    server: &impl Server,
    stream: Stream,
    way: &[String],
    objects: &[&str],
    budget: u32,
) -> Result<FieldsFound> {
    let mut prober = Prober::new(server, "query", budget);
    let mut types: BTreeMap<Vec<String>, Members> = BTreeMap::new();
    let mut seen: BTreeSet<(Vec<String>, String)> = BTreeSet::new();
    let mut waiting = Vec::new();
    let mut want = |waiting: &mut Vec<ProbeCandidate>, below: &[String], name: &str| {
        let is_new = seen.insert((below.to_vec(), name.to_owned()));
        if is_new && !looks_secret(name) {
            let way = [way, below].concat();
            waiting.push(ProbeCandidate { on: below.join("."), name: name.to_owned(), how: AskedAs::Plain, way });
        }
    };
    for object in objects {
        let below = [(*object).to_owned()];
        for name in std::iter::once(CONTROL).chain(candidates::of_object(object)).chain(PARTS.iter().copied()) {
            want(&mut waiting, &below, name);
        }
    }
    for name in std::iter::once(CONTROL).chain(candidates::of_stream(stream)) {
        want(&mut waiting, &[], name);
    }
    while !waiting.is_empty() && !prober.is_over() {
        let round = prober.ask(std::mem::take(&mut waiting)).await?;
        let needs = |(place, lesson): &(Vec<String>, Lesson)| {
            matches!(lesson, Lesson::NeedsArgument { .. }).then(|| place.get(way.len()..).map(<[String]>::to_vec))
        };
        // A field that needs an argument is not selected.
        let needing: BTreeSet<Vec<String>> = round.beside.iter().filter_map(needs).flatten().collect();
        for (candidate, lessons) in round.told {
            if needing.contains(&candidate.place()[way.len()..]) {
                continue;
            }
            let below = candidate.way[way.len()..].to_vec();
            let members = types.entry(below.clone()).or_default();
            match lessons.first() {
                None if candidate.name == CONTROL => {}
                None => members.leaves.push(candidate.name),
                Some(Lesson::NoField { meant, .. }) => {
                    members.is_checked |= candidate.name == CONTROL;
                    for name in meant.iter().filter(|_| candidate.name != CONTROL) {
                        want(&mut waiting, &below, name);
                    }
                }
                Some(Lesson::NeedsSelection { ty, .. }) => {
                    if ty.list {
                        members.lists.insert(candidate.name.clone());
                    }
                    if below.len() < LEVELS {
                        let inner = [&below[..], std::slice::from_ref(&candidate.name)].concat();
                        for name in std::iter::once(CONTROL).chain(PARTS.iter().copied()) {
                            want(&mut waiting, &inner, name);
                        }
                    }
                    members.objects.push(candidate.name);
                }
                Some(_) => {}
            }
        }
    }
    Ok(found(&types, stream, objects, prober.trouble.is_none()))
}

/// Puts together what was found of each type.
fn found(types: &BTreeMap<Vec<String>, Members>, stream: Stream, objects: &[&str], is_judged: bool) -> FieldsFound {
    let mut all =
        FieldsFound { is_judged: is_judged && types.values().any(|ty| ty.is_checked), ..FieldsFound::default() };
    for object in objects {
        if let Some(inner) = selection(types, &[(*object).to_owned()]) {
            all.objects.insert((*object).to_owned(), format!("{object} {{ {inner} }}"));
        }
    }
    let Some(members) = types.get(&Vec::new()).filter(|members| members.is_checked) else { return all };
    let is_documented = |name: &&String| stream.columns().iter().any(|column| column.name == **name);
    all.further.extend(members.leaves.iter().filter(|name| !is_documented(name)).cloned());
    let objects = members.objects.iter().filter(|name| !is_documented(name));
    all.further.extend(objects.filter_map(|object| object_selection(types, members, &[], object)));
    all
}

/// Returns the selection of the fields of the type at this path, or `None` if nothing of it is known.
fn selection(types: &BTreeMap<Vec<String>, Members>, at: &[String]) -> Option<String> {
    let members = types.get(at).filter(|members| members.is_checked)?;
    let objects = members.objects.iter().filter_map(|object| object_selection(types, members, at, object));
    let parts: Vec<String> = members.leaves.iter().cloned().chain(objects).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Returns the selection of `object`, a field of the type at the path `at`. Of a record of its own, which has an id, only
/// the id is selected. Returns `None` for a list of such records, or if nothing of the object is known. A schema that is
/// shown is read by the same rules ([`crate::discovery::infer::further`]).
fn object_selection(
    types: &BTreeMap<Vec<String>, Members>,
    of: &Members,
    at: &[String],
    object: &String,
) -> Option<String> {
    let below = [at, std::slice::from_ref(object)].concat();
    let leaves = &types.get(&below).filter(|members| members.is_checked)?.leaves;
    let inner = match ID.iter().find(|id| leaves.iter().any(|leaf| leaf == *id)) {
        Some(_) if of.lists.contains(object) => return None,
        Some(id) => (*id).to_owned(),
        None => selection(types, &below)?,
    };
    Some(format!("{object} {{ {inner} }}"))
}

/// The names that are tested, from the domain: mail, comments, surveys, media, templates, buttons, platforms, audits.
mod candidates {
    use crate::streams::Stream;

    /// The likely names of fields about a record's own history.
    const AUDIT: &str = "createdAt updatedAt deletedAt createdBy updatedBy externalId externalRef";

    /// Returns the likely names of the fields of a documented object.
    pub(super) fn of_object(column: &str) -> impl Iterator<Item = &'static str> {
        let names = match column {
            "platforms" => {
                "platform platformId platformType externalId channel channelId channelType username userName identifier \
                 phone phoneNumber profileId profileUrl avatar link status isActive updatedAt pageId lastSeen"
            }
            "emailData" => {
                "from to cc bcc replyTo subject messageId inReplyTo references threadId html body snippet sender \
                 recipients attachments headers date folder isRead"
            }
            "commentData" => {
                "postId commentId parentId mediaId mediaUrl postUrl permalink permalinkUrl link from verb item \
                 isHidden isPrivate isLiked postContent likeCount username"
            }
            "questionData" => {
                "question questionId answer answers options itemId productId productName product item status link image \
                 imageUrl price isAnswered answeredAt"
            }
            "failedReason" => "reason details description error errorCode errorMessage errorData subcode",
            "surveyData" => {
                "score rating comment question answer answers questions feedback surveyId surveyName status options \
                 answeredAt"
            }
            "informativeButtons" => {
                "label payload buttons buttonText buttonType phone phoneNumber action subType index header body footer"
            }
            _ => "status description updatedAt label key",
        };
        names.split_whitespace()
    }

    /// Returns the likely names of fields that no page documents.
    pub(super) fn of_stream(stream: Stream) -> impl Iterator<Item = &'static str> {
        let own = match stream {
            Stream::WhatsappBusinessTemplates => {
                "status language category components header body footer buttons type text content namespace templateId \
                 qualityScore quality rejectedReason reason example parameters variables params headerType format \
                 wabaId channel channelId customer isActive title description subCategory lastUsedAt components approvedAt"
            }
            Stream::Contacts => {
                "fullName name birthday birthDate address city company jobTitle source customFields customField \
                 attributes notes isBlocked lastSeen lastMessageAt segments externalRef points score timezone"
            }
            Stream::CustomerPersons => {
                "role roles department departments team isActive isOnline lastLogin lastSeen title name avatar \
                 timezone permissions"
            }
            Stream::Conversations => {
                "createdAt closedAt assignedAt solvedAt unreadCount department subject title source firstResponseAt \
                 assignee owner lastMessageAt messageCount rating isArchived slaDueAt channelType"
            }
            Stream::Messages => {
                "flowBotId flowBot flowId quotedMessage replyTo parentMessage attachments reactions deliveredAt readAt \
                 sentAt isDeleted isEdited direction template templateName location latitude longitude metadata note"
            }
            Stream::Channels => {
                "type provider externalId phoneNumber phone username isActive pageId token avatar email"
            }
        };
        own.split_whitespace().chain(AUDIT.split_whitespace())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_their_own_give_their_id_and_what_is_not_checked_gives_nothing() {
        let mut types = BTreeMap::new();
        let mut put = |path: &[&str], leaves: &[&str], objects: &[&str], lists: &[&str], is_checked| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
            let lists = owned(lists).into_iter().collect();
            types.insert(owned(path), Members { leaves: owned(leaves), objects: owned(objects), lists, is_checked });
        };
        put(&[], &["nick", "content"], &["assignee", "orders", "stats", "spots", "vague"], &["orders", "spots"], true);
        put(&["assignee"], &["name", "_id"], &[], &[], true);
        put(&["orders"], &["_id", "name"], &[], &[], true);
        put(&["stats"], &["seen"], &["by"], &[], true);
        put(&["stats", "by"], &["id", "name"], &[], &[], true);
        put(&["spots"], &["x"], &[], &[], true);
        put(&["vague"], &["anything"], &[], &[], false);
        put(&["emailData"], &["_id", "from"], &["owner"], &[], true);
        put(&["emailData", "owner"], &["name", "id"], &[], &[], true);
        put(&["surveyData"], &["anything"], &[], &[], false);
        let found = found(&types, Stream::Messages, &["emailData", "surveyData"], true);
        assert_eq!(found.further, ["nick", "assignee { _id }", "stats { seen by { id } }", "spots { x }"]);
        let objects: Vec<&String> = found.objects.values().collect();
        assert_eq!(objects, ["emailData { _id from owner { id } }"]);
    }
}
