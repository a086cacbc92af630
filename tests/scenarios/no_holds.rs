//! Whoever was answered that they are stopped gets no yes from then on: asked one by one and in bulk without pause, while hundreds press the
//! button in their mail program, and while the server is killed and started again in the middle of it, several times.

use crate::harness::{Api, CLINIC, Stack, until_so};
use assent_core::decision::Choice;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::wire::{MayBulkRequest, MayBulkResponse, MayReason, MayRequest, MayResponse};
use reqwest::StatusCode;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tokio::task::JoinSet;

const PEOPLE: usize = 400;
const KILLS: usize = 4;
/// How many press, ask one by one, and ask in bulk, side by side.
const PRESSING: usize = 4;
const ASKING: usize = 4;
const IN_BULK: usize = 2;
const TOPIC: &str = "clinic-changes";

fn address(person: usize) -> String {
    format!("p{person}@post.example.org")
}

/// What is known of everybody, and what was answered.
struct Watch {
    /// Their stop was acknowledged.
    stopped: Vec<AtomicBool>,
    over: AtomicBool,
    /// Whether the server runs.
    up: watch::Sender<bool>,
    /// Yes to who was not stopped, and no to who was, since the last kill.
    yes: AtomicUsize,
    no: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Watch {
    fn is_stopped(&self, person: usize) -> bool {
        self.stopped[person].load(Ordering::SeqCst)
    }

    /// Waits until a server that broke off runs again.
    async fn up_again(&self) {
        drop(self.up.subscribe().wait_for(|up| *up).await);
    }

    fn acknowledged(&self) -> usize {
        self.stopped.iter().filter(|stopped| stopped.load(Ordering::SeqCst)).count()
    }

    /// An answer to a question that was asked after `stopped` was looked at.
    fn hears(&self, person: usize, stopped: bool, answer: &MayResponse, how: &str) {
        match (stopped, answer.may) {
            (true, Choice::Yes) => {
                let said = format!("person {person} was stopped, and {how} said {:?}", answer.reason);
                self.wrong.lock().unwrap().push(said);
            }
            (true, Choice::No) => _ = self.no.fetch_add(1, Ordering::SeqCst),
            (false, Choice::Yes) => _ = self.yes.fetch_add(1, Ordering::SeqCst),
            // Recorded, and not answered yet.
            (false, Choice::No) => {}
        }
    }

    /// Both answers were heard since the last kill.
    fn heard_both(&self) -> bool {
        self.yes.load(Ordering::SeqCst) > 0 && self.no.load(Ordering::SeqCst) > 0
    }
}

/// Everybody agreed on paper, and may be written to. Gives the address that each one's mail program posts to, as a path of the site's.
async fn agreed(stack: &Stack, api: &Api) -> Vec<String> {
    let mut list = "channel,address,topic,said,how,script,staff,evidence,reference\n".to_string();
    for person in 0..PEOPLE {
        writeln!(
            list,
            "email,{},{TOPIC},2026-03-02,paper,Form 7,M. Rees,signed-form,file {person}",
            address(person)
        )
        .unwrap();
    }
    let file = stack.path("agreed.csv");
    std::fs::write(&file, list).unwrap();
    stack.runs_well(&["alerts", "import", file.to_str().unwrap(), "--site", CLINIC]);
    let answers = in_bulk(api).await.expect("the server runs");
    let paths = answers.iter().map(|answer| {
        let value = answer.message.as_ref().expect("a yes").list_unsubscribe.clone().unwrap();
        value.trim_matches(['<', '>']).strip_prefix(&format!("{}/", api.site.api)).unwrap().to_string()
    });
    paths.collect()
}

/// Everybody in one question; nothing where there is no answer, because the server was killed.
async fn in_bulk(api: &Api) -> Option<Vec<MayResponse>> {
    let addresses = (0..PEOPLE).map(address).collect();
    let body = MayBulkRequest { channel: Channel::Email, topic: PurposeId::new(TOPIC).unwrap(), addresses };
    let answer = api.as_staff(api.post("may/bulk")).json(&body).send().await.ok()?;
    assert_eq!(answer.status(), StatusCode::OK);
    let answers: MayBulkResponse = answer.json().await.ok()?;
    assert_eq!(answers.answers.len(), PEOPLE);
    Some(answers.answers)
}

/// The same for one.
async fn one(api: &Api, person: usize) -> Option<MayResponse> {
    let topic = PurposeId::new(TOPIC).unwrap();
    let body = MayRequest { channel: Channel::Email, address: address(person), topic };
    let answer = api.as_staff(api.post("may")).json(&body).send().await.ok()?;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_no_answer_is_yes_under_load_and_over_kills() {
    let mut stack = Stack::starts().await;
    let api = stack.api(CLINIC);
    let paths = Arc::new(agreed(&stack, &api).await);
    let watch = Arc::new(Watch {
        stopped: (0..PEOPLE).map(|_| AtomicBool::new(false)).collect(),
        over: AtomicBool::new(false),
        up: watch::Sender::new(true),
        yes: AtomicUsize::new(0),
        no: AtomicUsize::new(0),
        wrong: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    for first in 0..PRESSING {
        let (api, watch, paths) = (api.clone(), Arc::clone(&watch), Arc::clone(&paths));
        tasks.spawn(async move {
            for person in (first..PEOPLE).step_by(PRESSING) {
                // As RFC 8058 says; a mail program whose request broke off sends it again.
                while !watch.is_stopped(person) {
                    let post = api.post(&paths[person]).form(&[("List-Unsubscribe", "One-Click")]);
                    let Ok(answer) = post.send().await else {
                        watch.up_again().await;
                        continue;
                    };
                    assert_eq!(answer.status(), StatusCode::OK);
                    watch.stopped[person].store(true, Ordering::SeqCst);
                }
            }
        });
    }
    for first in 0..ASKING {
        let (api, watch) = (api.clone(), Arc::clone(&watch));
        tasks.spawn(async move {
            for person in (first..PEOPLE).step_by(ASKING).cycle() {
                if watch.over.load(Ordering::SeqCst) {
                    break;
                }
                let stopped = watch.is_stopped(person);
                match one(&api, person).await {
                    Some(answer) => watch.hears(person, stopped, &answer, "one answer"),
                    None => watch.up_again().await,
                }
            }
        });
    }
    for _ in 0..IN_BULK {
        let (api, watch) = (api.clone(), Arc::clone(&watch));
        tasks.spawn(async move {
            while !watch.over.load(Ordering::SeqCst) {
                let stopped: Vec<bool> = (0..PEOPLE).map(|person| watch.is_stopped(person)).collect();
                match in_bulk(&api).await {
                    Some(answers) => {
                        for (person, answer) in answers.iter().enumerate() {
                            watch.hears(person, stopped[person], answer, "one of many answers");
                        }
                    }
                    None => watch.up_again().await,
                }
            }
        });
    }

    for kill in 1..=KILLS {
        until_so("more to be stopped, and both answers to be heard since the last kill", async || {
            watch.acknowledged() >= kill * PEOPLE / (KILLS + 1) && watch.heard_both()
        })
        .await;
        assert!(watch.acknowledged() < PEOPLE, "killed too late to show anything");
        watch.up.send_replace(false);
        stack.assent_is_killed();
        stack.assent_starts().await;
        watch.up.send_replace(true);
        watch.yes.store(0, Ordering::SeqCst);
        watch.no.store(0, Ordering::SeqCst);
    }
    until_so("everybody to be stopped, and answered since", async || {
        watch.acknowledged() == PEOPLE && watch.no.load(Ordering::SeqCst) > PEOPLE
    })
    .await;
    watch.over.store(true, Ordering::SeqCst);
    tasks.join_all().await;
    assert_eq!(*watch.wrong.lock().unwrap(), [""; 0]);

    // And after one more, before anything else was asked.
    stack.assent_is_killed();
    stack.assent_starts().await;
    for answer in in_bulk(&api).await.unwrap() {
        assert_eq!((answer.may, answer.reason), (Choice::No, MayReason::Withdrawn));
    }
    let list = api.list_of(&format!("may/list?topic={TOPIC}&channel=email")).send().await.unwrap();
    assert_eq!(list.status(), StatusCode::OK);
    assert!(!list.text().await.unwrap().contains('@'), "and nobody is on the list");
}
