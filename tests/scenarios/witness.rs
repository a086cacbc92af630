//! `assent witness`: what it cosigns, what it refuses, and that no kill makes it contradict itself.

use crate::harness::{
    Api, Asker, CHARITY, CLINIC, Holder, Log, OtherLog, Stack, Witness, entries, offline, until_so,
};
use assent_core::checkpoint::Checkpoint;
use assent_core::decision::Act;
use assent_core::hash::Hash;
use assent_core::merkle::{RangeError, consistency_proof, leaf_hash, root_of};
use assent_core::note::{KeyKind, Note, VerifierKey, WitnessKey};
use assent_core::receipt::Receipt;
use assent_core::witness::{AddCheckpoint, MAX_REQUEST_LEN, read_cosignatures};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const ORIGIN: &str = "log.example.org/clinic";

#[tokio::test]
async fn a_key_is_made_on_purpose_and_a_witness_without_its_state_does_not_start() {
    let witness = Witness::starts("witness.example.org", &[]).await;
    assert_eq!((witness.key.name(), witness.key.kind()), ("witness.example.org", KeyKind::Cosignature));
    let (code, said) = witness.also_runs(&["key"]);
    assert_eq!((code, said), (Some(0), format!("{}\n", witness.key)));
    let (code, said) = witness.also_runs(&["key", "--name", "another.example.org"]);
    assert!(code == Some(1) && said.contains("already holds"), "{said}");
    let (code, said) = witness.also_runs(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && said.contains("in use by another assent process"), "{said}");

    let mut witness = witness;
    witness.is_killed();
    std::fs::rename(witness.path("witness"), witness.path("lost")).unwrap();
    let (code, said) = witness.also_runs(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && said.contains("retire this witness"), "{said}");
    let (code, said) = witness.also_runs(&["key", "--name", "witness.example.org"]);
    assert_eq!(code, Some(1), "no new state for a key that was used: {said}");
    let (code, said) = witness.also_runs(&["serve", "--policy-file", "missing"]);
    assert!(code == Some(1) && said.contains("witness.policy_file"), "{said}");
    std::fs::rename(witness.path("lost"), witness.path("witness")).unwrap();
    witness.starts_again().await;
}

#[tokio::test]
async fn every_status() {
    let log = OtherLog::starts(ORIGIN).await;
    let stranger = OtherLog::starts("log.example.org/stranger").await;
    let witness = Witness::starts("witness.example.org", &[log.key()]).await;
    let (five, seven) = (entries(9, 'a', 5), entries(9, 'a', 7));

    assert_eq!(witness.latest(&log.key()).await, None);
    let (status, line) = witness.adds(log.request(0, &five)).await;
    assert_eq!(status, 200);
    let known = [witness.key.clone()];
    assert_eq!(read_cosignatures(line.as_bytes(), &log.checkpoint(&five), &known).unwrap().len(), 1);
    assert_eq!(witness.latest(&log.key()).await.unwrap().size, 5);

    let conflict = witness.add(log.request(0, &seven)).await.unwrap();
    assert_eq!(conflict.status().as_u16(), 409);
    assert_eq!(conflict.headers()["content-type"], "text/x.tlog.size");
    assert_eq!(conflict.text().await.unwrap(), "5\n");

    let good = log.request(5, &seven);
    let forged = Note::parse(good.split_once("\n\n").unwrap().1).unwrap();
    let forged = format!("old 5\n\n{forged}").replacen("\n7\n", "\n8\n", 1);
    for (status, body) in [
        (400, "what?".to_string()),
        (400, good.replacen("old 5", "old 8", 1)),
        (403, forged),
        (404, stranger.request(0, &five)),
        (413, "x".repeat(MAX_REQUEST_LEN + 1)),
        (422, log.request(5, &entries(3, 'b', 7))),
        (422, log.request(5, &entries(3, 'b', 5))),
    ] {
        assert_eq!(witness.adds(body.clone()).await.0, status, "{body}");
    }
    assert_eq!(witness.get("/add-checkpoint").await.status().as_u16(), 405);
    assert_eq!(witness.get("/nothing").await.status().as_u16(), 404);
    assert_eq!(witness.get("/healthz").await.text().await.unwrap(), "ok\n");
    assert_eq!(witness.adds(good).await.0, 200, "none of them changed what it holds");

    // What it writes arrives a moment later.
    for fact in
        ["\"message\":\"cosigned\"", "\"origin\":\"log.example.org/clinic\"", "\"status\":409", "FORK"]
    {
        until_so(fact, async || witness.said().contains(fact)).await;
    }
    let said = witness.said();
    assert!(!said.contains("stranger"), "what strangers name is not logged: {said}");
    let kept = std::fs::read_dir(witness.path("witness/evidence")).unwrap();
    assert_eq!(kept.count(), 2, "the note, and what was cosigned before it");
}

/// Entries that both histories of a log have.
const SHARED: u64 = 3;

/// What one of the two publishers of a log with two histories does: it goes on from whatever the witness tells it, in
/// its own history only, until the witness is gone or says no.
async fn pushes(witness: Asker, log: OtherLog, history: char, given: Arc<Mutex<Vec<Checkpoint>>>) {
    let (mut old, mut size) = (0, SHARED + 1);
    while size < 200 {
        let all = entries(SHARED, history, size);
        let Some(answer) = witness.add(log.request(old, &all)).await else { return };
        let status = answer.status().as_u16();
        // Cut off on the way: nothing was given.
        let Ok(text) = answer.text().await else { return };
        match status {
            200 => {
                let note = log.checkpoint(&all);
                read_cosignatures(text.as_bytes(), &note, std::slice::from_ref(&witness.key)).unwrap();
                given.lock().unwrap().push(Checkpoint::parse(note.text()).unwrap());
                (old, size) = (size, size + 1);
            }
            409 => {
                old = text.trim_end().parse().unwrap();
                size = size.max(old + 1);
            }
            422 => return,
            other => panic!("{other}: {text}"),
        }
    }
}

/// Two publishers of one log, each with its own history, ask at once, and the witness is killed while they do; after it
/// was started again they go on, and it is killed again. With a hundred logs, each at another moment. Whatever was given
/// out for a log is one history, and none of it was forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn no_kill_makes_it_cosign_two_histories() {
    const ROUNDS: usize = 100;
    let mut logs = Vec::new();
    for number in 0..ROUNDS {
        let given: Arc<Mutex<Vec<Checkpoint>>> = Arc::default();
        logs.push((OtherLog::starts(&format!("log.example.org/{number}")).await, given));
    }
    let keys: Vec<_> = logs.iter().map(|(log, _)| log.key()).collect();
    let mut witness = Witness::starts("witness.example.org", &keys).await;
    for round in 0..ROUNDS {
        let mut publishers = JoinSet::new();
        for (log, given) in &logs[round.saturating_sub(1)..=round] {
            for history in ['a', 'b'] {
                publishers.spawn(pushes(witness.asker(), log.clone(), history, Arc::clone(given)));
            }
        }
        let given = &logs[round].1;
        until_so("some cosignatures", async || given.lock().unwrap().len() > round % 8).await;
        witness.is_killed();
        publishers.join_all().await;
        witness.starts_again().await;
        for (log, given) in &logs[round.saturating_sub(1)..=round] {
            let held = witness.latest(&log.key()).await.expect("what was cosigned is remembered");
            let last = given.lock().unwrap().iter().map(|head| head.size).max().unwrap();
            assert!(held.size >= last, "round {round}: it forgot size {last} of {}", held.origin);
        }
    }
    let mut cosigned = 0;
    for (log, given) in &logs {
        let given = std::mem::take(&mut *given.lock().unwrap());
        let held = witness.latest(&log.key()).await.unwrap();
        let history = if is_of(&held, 'a') { 'a' } else { 'b' };
        for head in given.iter().chain([&held]) {
            assert!(
                is_of(head, history),
                "size {} of {} is not of history {history}",
                head.size,
                head.origin
            );
        }
        cosigned += given.len();
    }
    eprintln!("{cosigned} cosignatures and {ROUNDS} kills");
}

fn is_of(head: &Checkpoint, history: char) -> bool {
    let leaves: Vec<Hash> =
        entries(SHARED, history, head.size).iter().map(|entry| leaf_hash(entry)).collect();
    head.root == root_of(&leaves)
}

/// The order of steps, as the system sees it: the new file is on the disk, has its name, and the name is on the disk,
/// before a byte of the answer leaves.
#[tokio::test]
async fn it_is_on_the_disk_before_it_is_answered() {
    let log = OtherLog::starts(ORIGIN).await;
    let mut witness = Witness::starts("witness.example.org", &[log.key()]).await;
    witness.is_killed();
    let trace = witness.path("trace");
    if !witness.starts_again_watched(&trace).await {
        return;
    }
    assert_eq!(witness.adds(log.request(0, &entries(9, 'a', 5))).await.0, 200);
    witness.is_killed();
    let trace = std::fs::read_to_string(&trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let find = |from: usize, what: &[&str]| {
        let found = lines[from..].iter().position(|line| what.iter().all(|word| line.contains(word)));
        from + found.unwrap_or_else(|| panic!("no {what:?} after line {from} of:\n{trace}"))
    };
    // Where a call is over: strace cuts one in two when another thread is heard in between.
    let over = |at: usize| match lines[at].split_once(' ') {
        Some((thread, call)) if call.contains("<unfinished") => {
            let resumed = |line: &&str| line.starts_with(thread) && line.contains("resumed>");
            at + lines[at..].iter().position(resumed).expect("a call that began is over")
        }
        _ => at,
    };
    let written = over(find(0, &["write(", "logs/", ".new>", "log.example.org/clinic"]));
    let synced = over(find(written, &["fsync(", "logs/", ".new>"]));
    let renamed = over(find(synced, &["rename", "logs/", ".new\""]));
    let folder = over(find(renamed, &["fsync(", "witness/logs>"]));
    let answered = find(0, &["HTTP/1.1 200 OK", "witness.example.org "]);
    assert!(folder < answered, "{trace}");
}

/// Two organisations, each with a log and a witness that watches the other's.
#[tokio::test(flavor = "multi_thread")]
async fn two_organisations_watch_each_other() {
    let organisations = [Stack::starts().await, Stack::starts().await];
    let apis = [organisations[0].api(CLINIC), organisations[1].api(CLINIC)];
    let keys = [apis[0].log_key().await, apis[1].log_key().await];
    // Each witness knows the other's log only.
    let witnesses = [
        Witness::starts("witness.one.example", &[keys[1].clone()]).await,
        Witness::starts("witness.two.example", &[keys[0].clone()]).await,
    ];
    assert_ne!(keys[0].public_key(), keys[1].public_key());
    let mut old = [0, 0];
    for round in 0..3 {
        let mut people = JoinSet::new();
        for api in &apis {
            for _ in 0..=round {
                let api = api.clone();
                people.spawn(async move {
                    let body = api.says(Act::RejectAll).await;
                    api.records(&Holder::new(), &body).await;
                });
            }
        }
        people.join_all().await;
        for (number, api) in apis.iter().enumerate() {
            let witness = &witnesses[1 - number];
            let signed = Log(api).head().await;
            let head = signed.checkpoint();
            let leaves = Log(api).leaves(head).await;
            let mut subtree = |level: u8, index: u64| -> Result<Hash, RangeError> {
                Ok(root_of(&leaves[(index << level) as usize..((index + 1) << level) as usize]))
            };
            let proof = consistency_proof(old[number], head.size, &mut subtree).unwrap();
            let request = AddCheckpoint::new(old[number], proof, signed.note().clone()).unwrap();
            let (status, line) = witness.adds(request.to_string()).await;
            assert_eq!(status, 200, "{line}");
            let known = [witness.key.clone()];
            read_cosignatures(line.as_bytes(), signed.note(), &known).unwrap();
            assert_eq!(witness.latest(&keys[number]).await.unwrap(), *head);
            // Its own organisation's witness does not watch it.
            assert_eq!(witnesses[number].adds(request.to_string()).await.0, 404);
            old[number] = head.size;
        }
    }
}

/// Two organisations publish what the other's witness cosigned, by configuration only.
#[tokio::test(flavor = "multi_thread")]
async fn each_organisation_publishes_with_the_others_cosignature() {
    let organisations = [Stack::starts().await, Stack::starts().await];
    let apis = [organisations[0].api(CLINIC), organisations[1].api(CLINIC)];
    let keys = [apis[0].log_key().await, apis[1].log_key().await];
    let mut witnesses = [
        Witness::starts("witness.one.example", &[keys[1].clone()]).await,
        Witness::starts("witness.two.example", &[keys[0].clone()]).await,
    ];
    for (number, organisation) in organisations.iter().enumerate() {
        let other = &witnesses[1 - number];
        let lines = format!("witness other {} {}\nquorum other\n", other.key, other.address());
        let log = format!("\n[log]\ncheckpoint_seconds = 1\nwitnesses = \"\"\"\n{lines}\"\"\"\n");
        let file = organisation.path("site.toml");
        std::fs::write(&file, organisation.site_file(CLINIC) + &log).unwrap();
        organisation.runs_well(&["site", "apply", file.to_str().unwrap()]);
    }
    for (number, api) in apis.iter().enumerate() {
        let holder = Holder::new();
        let body = api.says(Act::RejectAll).await;
        let receipt = api.records(&holder, &body).await.verify(Some(&keys[number])).unwrap();
        let known = [witnesses[1 - number].key.clone()];
        until_so("the cosigned checkpoint to be public", async || {
            let head = Log(api).head().await;
            head.checkpoint().size > receipt.index() && head.cosignatures(&known).unwrap().len() == 1
        })
        .await;
        assert_eq!(
            &witnesses[1 - number].latest(&keys[number]).await.unwrap(),
            Log(api).head().await.checkpoint()
        );
        // A later receipt carries it.
        let id = crate::harness::record(&receipt).id;
        let later = api.receipt(&holder, &format!("{id}?proof=cosigned")).await;
        let later = Receipt::parse(&later.text().await.unwrap()).unwrap();
        let carried = later.verify(Some(&keys[number])).unwrap();
        assert_eq!(carried.record(), receipt.record());
        assert_eq!(carried.signed_checkpoint().cosignatures(&known).unwrap().len(), 1);
        // Whoever holds it judges it with nothing but a policy of their own.
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        std::fs::write(path("receipt.json"), later.to_json()).unwrap();
        std::fs::write(path("records.ndjson"), api.export("ndjson", "").await).unwrap();
        let bundle = api.as_staff(api.get("export?format=bundle")).send().await.unwrap();
        std::fs::write(path("bundle.zip"), bundle.bytes().await.unwrap()).unwrap();
        for file in ["receipt.json", "records.ndjson", "bundle.zip"] {
            let judged = |name: &str, witness: &VerifierKey| {
                let policy = format!("log {}\nwitness {name} {witness}\nquorum {name}\n", keys[number]);
                std::fs::write(path("policy"), policy).unwrap();
                let done = offline(&["verify", &path(file), "--policy", &path("policy"), "--json"]);
                let found: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
                (done.status.code(), found)
            };
            let (code, found) = judged("other", &known[0]);
            assert_eq!((code, &found["cosigned_by"][0]["witness"]), (Some(0), &"other".into()), "{found}");
            assert_eq!(found["key_pinned"], true);
            assert!(found["cosigned_size"].as_u64().unwrap() > receipt.index(), "{found}");
            let (code, found) = judged("own", &witnesses[number].key);
            assert_eq!((code, &found["code"]), (Some(1), &"quorum-missing".into()), "{file}: {found}");
        }
    }
    // One witness goes away: that log is published all the same, and decisions never noticed.
    witnesses[1].is_killed();
    let before = Log(&apis[0]).size().await;
    apis[0].records(&Holder::new(), &apis[0].says(Act::RejectAll).await).await;
    until_so("the log to be published without its witness", async || Log(&apis[0]).size().await > before)
        .await;
}

/// A witness that takes every question and answers none: while one is open, people are answered, and another site's log is published.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_says_nothing_holds_up_nobody() {
    let stack = Stack::starts().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let witness = WitnessKey::from_seed("witness.silent.example", &[7; 32]).unwrap();
    let lines = format!(
        "witness silent {} http://{}\nquorum silent\n",
        witness.verifier(),
        listener.local_addr().unwrap()
    );
    for (site, log) in [(CLINIC, format!("witnesses = \"\"\"\n{lines}\"\"\"\n")), (CHARITY, String::new())] {
        let file = stack.path("site.toml");
        let text = format!("{}\n[log]\ncheckpoint_seconds = 1\n{log}", stack.site_file(site));
        std::fs::write(&file, text).unwrap();
        stack.runs_well(&["site", "apply", file.to_str().unwrap()]);
    }
    let (clinic, charity) = (stack.api(CLINIC), stack.api(CHARITY));
    let decides = async |api: &Api| {
        api.records(&Holder::new(), &api.says(Act::RejectAll).await).await;
    };
    // Something to ask about. A question that was given up before people were answered says nothing: then it is the next one.
    decides(&clinic).await;
    until_so("people to be answered while the witness is silent", async || {
        let (asked, _) = listener.accept().await.unwrap();
        decides(&clinic).await;
        decides(&charity).await;
        is_open(&asked)
    })
    .await;
    let size = Log(&charity).size().await;
    decides(&charity).await;
    until_so("another site's log to be published while the witness is silent", async || {
        let (asked, _) = listener.accept().await.unwrap();
        decides(&clinic).await;
        let published = Log(&charity).size().await > size;
        published && is_open(&asked)
    })
    .await;
}

/// Whether whoever asked still waits.
fn is_open(asked: &TcpStream) -> bool {
    let mut bytes = [0; 4096];
    loop {
        match asked.try_read(&mut bytes) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}
