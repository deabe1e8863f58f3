//! An account that lives from day to day, driven by a seed:
//!
//! - contacts come, change, merge and go;
//! - conversations are begun, answered, solved, reopened, merged and deleted;
//! - tags are renamed everywhere at once;
//! - messages are delivered a day after they were sent.
//!
//! Every change leaves in the records the trace that the documented fields promise.

use serde_json::{Value, json};

use super::qpien::{Account, Field, Qpien, page};

const CONTACTS: &str = "getContactList";
const CONVERSATIONS: &str = "getConversationList";

/// A random number generator (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).expect("below n")
    }

    /// Returns `true` once in `n` times on average.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The settings of an account.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// `true` if conversations are ordered by their last message, `false` if by their creation.
    pub by_activity: bool,
}

/// The state of the simulation.
pub struct Life {
    dice: Dice,
    habits: Habits,
    made: usize,
    /// Messages sent yesterday, which are delivered today.
    sent: Vec<String>,
    /// The conversations that were merged into others since a test took these away.
    pub merges: Vec<Merge>,
}

/// A conversation that went into another one.
pub struct Merge {
    /// The conversation that is gone.
    pub gone: String,
    /// The ids of its messages. The other conversation has them now.
    pub messages: Vec<String>,
}

/// Returns the date `day` days after 2026-01-01.
pub fn date(day: usize) -> String {
    const DAYS: [usize; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut day, mut month, mut year) = (day, 0, 2026);
    while day >= DAYS[month] {
        day -= DAYS[month];
        month += 1;
        if month == 12 {
            (month, year) = (0, year + 1);
        }
    }
    format!("{year}-{:02}-{:02}", month + 1, day + 1)
}

impl Life {
    /// Starts with so many contacts and conversations.
    pub fn begin(seed: u64, habits: Habits, contacts: usize, conversations: usize) -> (Life, Account) {
        let mut life = Life { dice: Dice(seed), habits, made: 0, sent: Vec::new(), merges: Vec::new() };
        let mut account = Account::new(0, 0, 0);
        for list in [CONTACTS, CONVERSATIONS] {
            account.lists.insert(list.into(), Vec::new());
        }
        for _ in 0..contacts {
            life.contact(&mut account);
        }
        for _ in 0..conversations {
            life.conversation(&mut account, 0);
        }
        (life, account)
    }

    fn number(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    fn contact(&mut self, account: &mut Account) {
        let n = self.number();
        let row = json!({"_id": format!("contact-{n:05}"), "firstName": format!("name {n}"), "owner": format!("o{}", n % 4),
            "phone": format!("+90{n:08}"), "status": "ACTIVE"});
        list(account, CONTACTS).insert(0, row);
    }

    fn conversation(&mut self, account: &mut Account, day: usize) {
        let n = self.number();
        let id = format!("conversation-{n:05}");
        let contacts = list(account, CONTACTS);
        let contact = contacts[self.dice.below(contacts.len())]["_id"].clone();
        let tags = json!([{"_id": "tag-1", "name": "tag 0"}]);
        let row = json!({"_id": id, "customer": contact, "status": "OPEN", "tags": tags, "lastMessage": null});
        list(account, CONVERSATIONS).insert(0, row);
        account.messages.insert(id.clone(), Vec::new());
        for _ in 0..=self.dice.below(14) {
            self.message(account, &id, day);
        }
    }

    /// Adds a message to a conversation.
    fn message(&mut self, account: &mut Account, id: &str, day: usize) {
        let n = self.number();
        let (minute, second) = (n / 60 % 60, n % 60);
        let at = format!("{}T{:02}:{minute:02}:{second:02}.000Z", date(day), 8 + n / 3600 % 12);
        let message = json!({"_id": format!("message-{n:06}"), "conversation": id, "content": format!("text {n}"),
            "createdAt": at, "ackStatus": "SENT"});
        self.sent.push(message["_id"].as_str().expect("an id").to_owned());
        account.messages.entry(id.to_owned()).or_default().insert(0, message);
        self.show_last(account, id, true);
    }

    /// Makes a conversation's entry show its newest message.
    fn show_last(&self, account: &mut Account, id: &str, moves: bool) {
        let last = account.messages.get(id).and_then(|all| all.first());
        let last = last.map(|m| json!({"_id": m["_id"], "content": m["content"], "createdAt": m["createdAt"]}));
        let entries = list(account, CONVERSATIONS);
        let Some(at) = entries.iter().position(|row| row["_id"] == id) else { return };
        entries[at]["lastMessage"] = json!(last);
        if moves && self.habits.by_activity {
            let row = entries.remove(at);
            entries.insert(0, row);
        }
    }

    fn any(&mut self, account: &Account, of: &str) -> Option<String> {
        let rows = &account.lists[of];
        (!rows.is_empty()).then(|| rows[self.dice.below(rows.len())]["_id"].as_str().expect("an id").to_owned())
    }

    /// Lets one day pass.
    pub fn day(&mut self, account: &mut Account, day: usize) {
        // Yesterday's messages are delivered.
        for id in std::mem::take(&mut self.sent) {
            if let Some(message) = account.messages.values_mut().flatten().find(|message| message["_id"] == *id) {
                message["ackStatus"] = json!("DELIVERED");
            }
        }
        for _ in 0..2 + self.dice.below(4) {
            self.contact(account);
        }
        for _ in 0..=self.dice.below(3) {
            self.conversation(account, day);
        }
        for _ in 0..3 + self.dice.below(6) {
            if let Some(id) = self.any(account, CONVERSATIONS) {
                self.message(account, &id, day);
                set(account, CONVERSATIONS, &id, "status", json!("OPEN"));
            }
        }
        for _ in 0..self.dice.below(4) {
            let (status, n) = (["SOLVED", "ARCHIVED", "OPEN"][self.dice.below(3)], self.number());
            if let Some(id) = self.any(account, CONVERSATIONS) {
                set(account, CONVERSATIONS, &id, "status", json!(status));
            }
            if let Some(id) = self.any(account, CONTACTS) {
                set(account, CONTACTS, &id, "firstName", json!(format!("renamed {n}")));
            }
            if let Some(id) = self.any(account, CONTACTS) {
                set(account, CONTACTS, &id, "phone", json!(format!("+1{n:08}")));
            }
        }
        if self.dice.once_in(3) {
            self.merge_contacts(account);
        }
        if self.dice.once_in(3) {
            self.merge_conversations(account);
        }
        if self.dice.once_in(3)
            && let Some(id) = self.any(account, CONVERSATIONS)
        {
            list(account, CONVERSATIONS).retain(|row| row["_id"] != *id);
            account.messages.remove(&id);
        }
        if self.dice.once_in(9) {
            let name = format!("tag {day}");
            for row in list(account, CONVERSATIONS) {
                row["tags"][0]["name"] = json!(name);
            }
        }
    }

    /// Removes so many contacts and conversations, and adds as many new ones.
    pub fn turn_over(&mut self, account: &mut Account, of_each: usize, day: usize) {
        for _ in 0..of_each {
            for of in [CONTACTS, CONVERSATIONS] {
                let Some(id) = self.any(account, of) else { continue };
                list(account, of).retain(|row| row["_id"] != *id);
                account.messages.remove(&id);
            }
            self.contact(account);
            self.conversation(account, day);
        }
    }

    fn merge_contacts(&mut self, account: &mut Account) {
        let (Some(gone), Some(into)) = (self.any(account, CONTACTS), self.any(account, CONTACTS)) else { return };
        if gone != into {
            list(account, CONTACTS).retain(|row| row["_id"] != *gone);
            for row in list(account, CONVERSATIONS).iter_mut().filter(|row| row["customer"] == *gone) {
                row["customer"] = json!(into);
            }
        }
    }

    fn merge_conversations(&mut self, account: &mut Account) {
        let (Some(gone), Some(into)) = (self.any(account, CONVERSATIONS), self.any(account, CONVERSATIONS)) else {
            return;
        };
        if gone == into {
            return;
        }
        list(account, CONVERSATIONS).retain(|row| row["_id"] != *gone);
        let moved = account.messages.remove(&gone).unwrap_or_default();
        let messages = moved.iter().map(|message| message["_id"].as_str().expect("an id").to_owned()).collect();
        self.merges.push(Merge { gone, messages });
        let messages = account.messages.entry(into.clone()).or_default();
        messages.extend(moved.into_iter().map(|mut message| {
            message["conversation"] = json!(into);
            message
        }));
        messages.sort_by(|a, b| {
            (b["createdAt"].as_str(), b["_id"].as_str()).cmp(&(a["createdAt"].as_str(), a["_id"].as_str()))
        });
        self.show_last(account, &into, true);
    }
}

fn list<'a>(account: &'a mut Account, name: &str) -> &'a mut Vec<Value> {
    account.lists.get_mut(name).expect("the list")
}

fn set(account: &mut Account, name: &str, id: &str, field: &str, value: Value) {
    if let Some(row) = list(account, name).iter_mut().find(|row| row["_id"] == id) {
        row[field] = value;
    }
}

/// Starts a server of this account whose conversations can be asked for by status.
pub fn serve(account: Account) -> Qpien {
    Qpien::start(account, |account: &Account, field: &Field| {
        let status = field.arguments.get("status")?;
        let of: Vec<Value> = account
            .lists
            .get(&field.operation)?
            .iter()
            .filter(|row| row["status"] == status.as_str())
            .cloned()
            .collect();
        Some(Ok(page(field, &of)))
    })
}
