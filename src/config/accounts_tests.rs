use super::super::settings::Settings;
use super::*;

const PATHS: &str = "[mirror]\npath = \"{account}.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out/{account}\"\n";

fn account(name: &str) -> String {
    format!("[[account]]\nname = \"{name}\"\nclient_id = \"id-{name}\"\nclient_secret = \"s\"\n")
}

/// Returns the settings of a job with this text and these files beside it.
fn load(text: &str, files: &[(&str, &str)], flags: &Flags) -> Result<Vec<Settings>> {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in files.iter().chain(&[("j.toml", text)]) {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let plain = |error: Error| Error::usage(error.detail.replace(&format!("{}/", dir.path().display()), ""));
    Settings::load(&dir.path().join("j.toml"), flags).map_err(plain)
}

fn names(all: &[Settings]) -> Vec<&str> {
    all.iter().filter_map(|one| one.account.as_deref()).collect()
}

#[test]
fn each_has_a_key_a_budget_and_places_of_its_own() {
    let theirs = "endpoint = \"http://beta/\"\nrequests_per_minute = 7\n";
    let text = format!(
        "accounts = \"more.toml\"\naccounts_at_once = 3\n[source]\nendpoint = \"http://all/\"\n{PATHS}{}",
        account("acme")
    );
    let all = load(&text, &[("more.toml", &(account("beta") + theirs))], &Flags::default()).expect("settings");
    assert_eq!(names(&all), ["acme", "beta"]);
    let seen: Vec<_> = all
        .iter()
        .map(|one| {
            let s = &one.source;
            (
                s.client_id.as_str(),
                s.endpoint.as_str(),
                one.requests_per_minute,
                one.mirror.to_str(),
                one.accounts_at_once,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("id-acme", "http://all/", 100, Some("acme.db"), 3), ("id-beta", "http://beta/", 7, Some("beta.db"), 3),]
    );
    assert_eq!(all[1].destinations[0].target.folder(), Some("out/beta".into()));
    let shown = all[0].print();
    assert!(shown.contains("accounts_at_once = 3") && shown.contains("mirror.path = \"acme.db\""), "{shown}");
}

#[test]
fn flags_pick_accounts_in_the_order_of_the_files() {
    let text = format!("{PATHS}{}", ["a", "b", "c"].map(account).concat());
    let pick = |accounts: &[&str]| Flags { accounts: accounts.iter().map(|&a| a.into()).collect(), ..Flags::default() };
    assert_eq!(names(&load(&text, &[], &pick(&["c", "a", "c"])).expect("settings")), ["a", "c"]);
    let one = Flags { mirror: Some("m.db".into()), out: Some("o".into()), ..pick(&["b"]) };
    let one = load(&text, &[], &one).expect("settings");
    assert_eq!((one[0].mirror.to_str(), one[0].destinations[0].target.folder()), (Some("m.db"), Some("o".into())));
    let refused = |flags| load(&text, &[], &flags).expect_err("refused").detail;
    let two = Flags { mirror: Some("m.db".into()), ..pick(&["a", "b"]) };
    assert_eq!(refused(two), "--mirror is one account's: pick it with --account NAME");
    let shard = Flags { out: Some("o".into()), shard: Some("0/1".into()), ..Flags::default() };
    assert_eq!(refused(shard), "--out is one account's: pick it with --account NAME");
    let text = format!("{PATHS}{}", account("globex"));
    let alone = Flags { out: Some("o".into()), shard: Some("0/1".into()), ..Flags::default() };
    let told = load(&text, &[], &alone).expect_err("of a part that holds one by chance").detail;
    assert_eq!(told, "--out is one account's: pick it with --account NAME");
    let near = load(&text, &[], &pick(&["globx"])).expect_err("unknown").detail;
    assert_eq!(near, "--account globx: j.toml lists no such account; did you mean globex?");
}

#[test]
fn of_accounts_that_are_named_a_part_takes_only_its_own() {
    let text = format!("{PATHS}{}", ["a", "b", "c", "d"].map(account).concat());
    let part = |accounts: &[&str], shard: String| {
        let accounts = accounts.iter().map(|&a| a.into()).collect();
        let all = load(&text, &[], &Flags { accounts, shard: Some(shard), ..Flags::default() }).expect("settings");
        names(&all).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for index in 0..3 {
        let whole = part(&[], format!("{index}/3"));
        let named: Vec<String> = whole.iter().filter(|name| ["a", "d"].contains(&name.as_str())).cloned().collect();
        assert_eq!(part(&["a", "d"], format!("{index}/3")), named, "{index}");
    }
}

#[test]
fn one_key_at_two_endpoints_is_two_accounts() {
    let at = |name: &str, endpoint: &str| {
        account(name).replace(&format!("id-{name}"), "id") + &format!("endpoint = \"{endpoint}\"\n")
    };
    let all = |a: &str, b: &str| load(&format!("{PATHS}{}{}", at("a", a), at("b", b)), &[], &Flags::default());
    assert_eq!(names(&all("http://one/", "http://two/").expect("settings")), ["a", "b"]);
    assert!(all("http://one/", "http://one/").expect_err("one").detail.contains("it would read the other's records"));
}

#[test]
fn shards_hold_each_exactly_once_and_adding_one_moves_none() {
    let listed = |n: usize| (0..n).map(|n| account(&format!("account-{n}"))).collect::<String>();
    let (before, after) = (format!("{PATHS}{}", listed(60)), format!("{PATHS}{}", account("first") + &listed(61)));
    let parts = |text: &str, of: usize| -> Vec<Vec<String>> {
        let part = |index| Flags { shard: Some(format!("{index}/{of}")), ..Flags::default() };
        let held = |index| load(text, &[], &part(index)).expect("settings");
        (0..of).map(|index| names(&held(index)).into_iter().map(str::to_owned).collect()).collect()
    };
    for of in [1, 2, 7, 20] {
        let then = parts(&before, of);
        let mut all: Vec<String> = then.concat();
        all.sort();
        all.dedup();
        assert_eq!((then.concat().len(), all.len()), (60, 60), "{of}");
        for (now, then) in parts(&after, of).into_iter().zip(then) {
            let old: Vec<String> = now.into_iter().filter(|n| n != "first" && n != "account-60").collect();
            assert_eq!(old, then, "{of}");
        }
    }
}

#[test]
fn what_two_would_share_and_what_is_not_said_is_refused_by_name() {
    let (a, b) = (account("a"), account("b"));
    let mirror = "[mirror]\npath = \"{account}.db\"\n";
    let csv = |path: &str| format!("[[destination]]\nkind = \"csv\"\npath = \"{path}\"\n");
    for (text, told) in [
        (
            a.clone(),
            "j.toml: mirror.path is not set, and accounts would share its default: write for example \"state/{account}.db\"",
        ),
        (
            format!("[mirror]\npath = \"m.db\"\n{a}"),
            "j.toml:2: mirror.path = \"m.db\" would be shared by all accounts: put {account} into it",
        ),
        (
            format!("[mirror]\npath = \"${{account}}.db\"\n{a}"),
            "j.toml:2: mirror.path = \"${account}.db\": write {account}, without the dollar sign",
        ),
        (
            format!("{mirror}{}{a}", csv("out")),
            "j.toml: destination[0].path = \"out\" would be shared by all accounts: put {account} into it",
        ),
        (
            format!("{mirror}{}{}{}{}", csv("o/{account}"), csv("o/x{account}"), a, account("xa")),
            "j.toml: o/xa would be destination[1].path of account a and destination[0].path of account xa",
        ),
        #[cfg(feature = "postgres")]
        (
            format!(
                "{mirror}[[destination]]\nkind = \"postgres\"\nurl = \"x\"\nschema = \"q_{{account}}\"\n{}{}",
                account("a-b"),
                account("a_b")
            ),
            "j.toml: q_a_b of destination[0].schema would be destination[0].schema of account a_b and destination[0].schema of account a-b",
        ),
        (
            format!("{PATHS}{a}{b}{}", account("A")),
            "j.toml:15: the account A has the name of a, case aside, at j.toml:7",
        ),
        (
            format!("{PATHS}{}", account("a/b")),
            "j.toml:7: the account's name \"a/b\" stands in paths: letters, digits, - and _ only",
        ),
        (
            format!("{PATHS}{}", account("")),
            "j.toml:7: the account's name \"\" stands in paths: letters, digits, - and _ only",
        ),
        (
            format!("[source]\nclient_secret = \"s\"\n{PATHS}{a}"),
            "j.toml:2: [source] client_secret beside accounts: each account has its own",
        ),
        (
            format!("{PATHS}{a}{}", account("b").replace("id-b", "id-a")),
            "j.toml:11: the account b has the client_id of a, at j.toml:7: it would read the other's records",
        ),
        (
            format!("{PATHS}[[account]]\nname = \"-a\"\nclient_id = \"i\"\nclient_secret = \"s\"\n"),
            "j.toml:7: the account's name -a stands in paths and on command lines: at most 100 characters, and no - in front",
        ),
        (
            format!("{PATHS}[[account]]\nname = \"{}\"\nclient_id = \"i\"\nclient_secret = \"s\"\n", "x".repeat(101)),
            "j.toml:7: the account's name xxxxxxxxxxxxxxxxxxxx stands in paths and on command lines: at most 100 characters, and no - in front",
        ),
        (format!("{PATHS}[[account]]\nname = \"a\"\nclient_id = \"i\"\n"), "j.toml:6: missing field `client_secret`"),
        (
            format!("{PATHS}{a}client_secrt = 1\n"),
            "j.toml:10: unknown key `client_secrt`; did you mean `client_secret`?",
        ),
        (format!("accounts_at_once = 0\n{PATHS}{a}"), "j.toml:1: accounts_at_once = 0: it must be 1 to 64"),
        (format!("accounts = \"none.toml\"\n{PATHS}"), "j.toml: there is no [[account]] in the files it names"),
        (format!("accounts = \"wrong.toml\"\n{PATHS}"), "wrong.toml:2: unknown key `acount`; did you mean `account`?"),
        (
            format!("{PATHS}[[account]]\nname = \"a\"\nclient_id = \"${{NO_SUCH_A}}\"\nclient_secret = \"\"\n{b}"),
            "credentials that are not set (export each, or NAME_FILE, the name of a file that holds it; nothing was run): \
             a: client_id needs NO_SUCH_A; a: client_secret is empty",
        ),
    ] {
        let files = [("none.toml", "# nobody yet\n"), ("wrong.toml", "\nacount = []\n")];
        assert_eq!(load(&text, &files, &Flags::default()).expect_err(&text).detail, told);
    }
    let gone = load(&format!("accounts = \"gone.toml\"\n{PATHS}"), &[], &Flags::default()).expect_err("gone");
    assert!(gone.detail.starts_with("j.toml: accounts: the file gone.toml: "), "{gone}");
}

#[test]
fn a_job_without_accounts_takes_nothing_that_is_about_them() {
    let key = "[source]\nclient_id = \"i\"\nclient_secret = \"s\"\n";
    let refused = |text: &str, flags: &Flags| load(text, &[], flags).expect_err(text).detail;
    let none = Flags::default();
    assert_eq!(
        refused(&format!("{key}{PATHS}"), &none),
        "j.toml:5: mirror.path has {account} in it, but the job lists no account: add [[account]] tables, or write a path"
    );
    let shard = Flags { shard: Some("0/2".into()), ..Flags::default() };
    assert_eq!(refused(key, &shard), "--shard is for a job that lists accounts, and j.toml lists none");
    let named = Flags { accounts: vec!["a".into()], ..Flags::default() };
    assert_eq!(refused(key, &named), "--account is for a job that lists accounts, and j.toml lists none");
    let at_once = format!("accounts_at_once = 2\n{key}");
    assert_eq!(refused(&at_once, &none), "j.toml:1: accounts_at_once is for a job that lists accounts");
    let own = load(key, &[], &none).expect("settings");
    assert!(own.len() == 1 && own[0].account.is_none() && !own[0].print().contains("accounts_at_once"));
}
