//! Users of the pure cluster, which record their actions and messages, and the invariants of these
//! records.

use std::collections::{BTreeMap, BTreeSet};

use pomelo_sim::ids::{ServerId, SessionKey};
use pomelo_sim::wire::{HEADER_BYTES, Message, MessageKind, WireRoute};
use serde_json::{Value, json};

use crate::support::fragile::PANIC_ROUTE;
use crate::support::pure::{Out, PureCluster};

/// One connection of a user, from its start to its end.
pub struct Visit {
    pub key: SessionKey,
    pub name: String,
    pub rid: String,
    /// Its requests, by id.
    asked: BTreeMap<u64, Asked>,
    last_request: u64,
    /// How much of its inbox it has read.
    read: usize,
    /// When its enter was answered, and the members then.
    entered: Option<(u64, BTreeSet<String>)>,
    pub entering: bool,
    /// When it ended.
    gone: Option<u64>,
    /// What was said to it, in order: sender and number.
    heard: Vec<(String, u64)>,
    /// The servers that have said goodbye, each with how many rooms it had.
    goodbyes: Vec<(String, u64)>,
}

/// A request and its answer.
struct Asked {
    at: u64,
    what: What,
    answered: Option<(u64, Value)>,
}

enum What {
    Enter,
    Fail,
    Say { number: u64, target: String },
}

/// All visits, with one count of events for their moments.
#[derive(Default)]
pub struct Book {
    pub visits: Vec<Visit>,
    now: u64,
    last_number: u64,
    /// Rooms stay where they are and lose their members. Then what a server had said before it was
    /// killed may come late, and who is there is not promised.
    rooms_stay: bool,
    /// Connectors panic: one that starts again just when it stops leaves requests unanswered.
    connectors_panic: bool,
    /// When each server was told to stop last.
    stops: BTreeMap<ServerId, u64>,
}

/// What a run has checked.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    pub acknowledged: u64,
    pub refused: u64,
    pub delivered: u64,
    pub logins: u64,
}

impl Book {
    pub fn new(rooms_stay: bool, connectors_panic: bool) -> Self {
        Self { rooms_stay, connectors_panic, ..Self::default() }
    }

    /// A server is told to stop: what its clients have asked is answered before they are sent away.
    pub fn stops(&mut self, id: &str) {
        self.now += 1;
        self.stops.insert(id.into(), self.now);
    }

    pub fn open(&mut self, cluster: &mut PureCluster, connector: &str, name: &str, rid: &str) -> usize {
        let key = cluster.open(connector);
        self.visits.push(Visit {
            key,
            name: name.to_owned(),
            rid: rid.to_owned(),
            asked: BTreeMap::new(),
            last_request: 0,
            read: 0,
            entered: None,
            entering: false,
            gone: None,
            heard: Vec::new(),
            goodbyes: Vec::new(),
        });
        self.visits.len() - 1
    }

    pub fn enter(&mut self, cluster: &mut PureCluster, visit: usize) {
        let Visit { name, rid, .. } = &self.visits[visit];
        let body = json!({"username": name, "rid": rid});
        self.visits[visit].entering = true;
        self.ask(cluster, visit, What::Enter, "connector.entryHandler.enter", &body);
    }

    /// Says a number that nobody has said before, to all or to one; or to a handler that panics.
    pub fn say(&mut self, cluster: &mut PureCluster, visit: usize, target: &str, panics: bool) {
        self.last_number += 1;
        let number = self.last_number;
        let route = if panics { PANIC_ROUTE } else { "chat.chatHandler.send" };
        let what = What::Say { number, target: target.to_owned() };
        self.ask(cluster, visit, what, route, &json!({"content": number, "target": target}));
    }

    /// Asks for a handler of the connector that panics.
    pub fn fail(&mut self, cluster: &mut PureCluster, visit: usize) {
        self.ask(cluster, visit, What::Fail, "connector.entryHandler.panic", &json!({}));
    }

    pub fn close(&mut self, cluster: &mut PureCluster, visit: usize) {
        self.now += 1;
        self.visits[visit].gone.get_or_insert(self.now);
        let key = self.visits[visit].key.clone();
        cluster.close(&key);
    }

    pub fn is_gone(&self, visit: usize) -> bool {
        self.visits[visit].gone.is_some()
    }

    pub fn has_entered(&self, visit: usize) -> bool {
        self.visits[visit].entered.is_some()
    }

    fn ask(&mut self, cluster: &mut PureCluster, visit: usize, what: What, route: &str, body: &Value) {
        self.now += 1;
        let visit = &mut self.visits[visit];
        visit.last_request += 1;
        let id = visit.last_request;
        visit.asked.insert(id, Asked { at: self.now, what, answered: None });
        let (body, mut bytes) = (body.to_string(), Vec::new());
        let kind = MessageKind::Request { id };
        let message = Message { kind, route: Some(WireRoute::Name(route.into())), body: body.as_bytes() };
        message.encode(&mut bytes).unwrap();
        cluster.message(&visit.key, &bytes);
    }

    /// Everybody reads what has come since. Errors are laws that are broken already.
    pub fn read(&mut self, cluster: &PureCluster) -> Result<(), String> {
        for visit in &mut self.visits {
            let inbox = &cluster.inboxes[&visit.key];
            let stop = self.stops.get(&visit.key.frontend).filter(|_| !self.connectors_panic);
            for out in &inbox[visit.read..] {
                self.now += 1;
                if visit.gone.is_none() {
                    if let (Out::Kick(reason), Some(stop)) = (out, stop) {
                        visit.is_sent_away(reason, *stop)?;
                    }
                    visit.hear(self.now, out, self.rooms_stay)?;
                }
            }
            visit.read = inbox.len();
        }
        Ok(())
    }

    /// How many requests were answered with an error.
    pub fn refused(&self) -> usize {
        let asked = self.visits.iter().flat_map(|visit| visit.asked.values());
        let answers = asked.filter_map(|asked| asked.answered.as_ref());
        answers.filter(|(_, body)| !body["code"].is_null()).count()
    }

    pub fn forget_goodbyes(&mut self) {
        self.visits.iter_mut().for_each(|visit| visit.goodbyes.clear());
    }

    /// All who are still there have heard this server say goodbye, once, while it had so many
    /// rooms.
    pub fn check_goodbyes(&self, of: Option<(&str, usize)>) -> Result<(), String> {
        let expected: Vec<_> = of.into_iter().map(|(id, rooms)| (id.to_owned(), rooms as u64)).collect();
        let mut here = self.visits.iter().filter(|visit| visit.gone.is_none());
        match here.find(|visit| visit.goodbyes != expected) {
            Some(Visit { key, goodbyes, .. }) => {
                Err(format!("{key} has heard the goodbyes {goodbyes:?}, expected {expected:?}"))
            }
            None => Ok(()),
        }
    }

    /// The laws, when all is calm: everything is answered, and nothing is on its way.
    pub fn check(&self) -> Result<Tally, String> {
        let mut tally = Tally::default();
        for visit in &self.visits {
            visit.check_answers(&mut tally)?;
            tally.delivered += visit.heard.len() as u64;
        }
        self.check_views()?;
        let rids: BTreeSet<&str> = self.visits.iter().map(|visit| &*visit.rid).collect();
        for rid in rids {
            let room: Vec<&Visit> = self.visits.iter().filter(|visit| visit.rid == rid).collect();
            check_room(&room)?;
        }
        Ok(tally)
    }

    /// The one law that holds where rooms lose their members: everything is answered.
    pub fn check_answers(&self) -> Result<Tally, String> {
        let mut tally = Tally::default();
        self.visits.iter().try_for_each(|visit| visit.check_answers(&mut tally))?;
        tally.delivered = self.visits.iter().map(|visit| visit.heard.len() as u64).sum();
        Ok(tally)
    }

    /// Every member sees exactly the members of its room.
    fn check_views(&self) -> Result<(), String> {
        let here = || self.visits.iter().filter(|visit| visit.gone.is_none() && visit.entered.is_some());
        for visit in here() {
            let room: BTreeSet<String> =
                here().filter(|other| other.rid == visit.rid).map(|other| other.name.clone()).collect();
            let known = &visit.entered.as_ref().unwrap().1;
            if *known != room {
                return Err(format!(
                    "{} in {} knows {known:?}, and there are {room:?}",
                    visit.name, visit.rid
                ));
            }
        }
        Ok(())
    }
}

impl Visit {
    /// Its server stops, as it was told to at that moment.
    fn is_sent_away(&self, reason: &str, stop: u64) -> Result<(), String> {
        let is_open = |asked: &&Asked| asked.at < stop && asked.answered.is_none();
        match self.asked.values().find(is_open) {
            Some(asked) if reason.starts_with("server ") => Err(format!(
                "{} was told {reason:?} before an answer to what it asked at {}",
                self.name, asked.at
            )),
            _ => Ok(()),
        }
    }

    fn hear(&mut self, now: u64, out: &Out, rooms_stay: bool) -> Result<(), String> {
        let (name, rid) = (self.name.clone(), self.rid.clone());
        let fail = move |what: String| Err(format!("{name} in {rid}: {what}"));
        match out {
            Out::Kick(_) | Out::Lost => {
                self.gone = Some(now);
                Ok(())
            }
            Out::Rejected(error) => fail(format!("rejected: {error}")),
            Out::Response(id, body) => {
                let body: Value = serde_json::from_slice(body).unwrap();
                let Some(asked) = self.asked.get_mut(id) else { return fail(format!("an answer to {id}")) };
                if let Some((_, before)) = &asked.answered {
                    return fail(format!("two answers to {id}: {before}, then {body}"));
                }
                if matches!(asked.what, What::Enter) {
                    self.entering = false;
                    if let Some(users) = body["users"].as_array() {
                        let users = users.iter().map(|user| user.as_str().unwrap().to_owned()).collect();
                        self.entered = Some((now, users));
                    }
                }
                asked.answered = Some((now, body));
                Ok(())
            }
            Out::Push(package) => self.hear_push(package, rooms_stay),
        }
    }

    fn hear_push(&mut self, package: &[u8], rooms_stay: bool) -> Result<(), String> {
        let message = Message::decode(&package[HEADER_BYTES..]).unwrap();
        let Some(WireRoute::Name(route)) = message.route else { panic!("{message:?}") };
        let body: Value = serde_json::from_slice(message.body).unwrap();
        let Self { name, rid, entered, .. } = self;
        if route == "onStop" {
            let server = body["server"].as_str().unwrap().to_owned();
            self.goodbyes.push((server, body["rooms"].as_u64().unwrap()));
            return Ok(());
        }
        // One whose enter failed on its way may hear the room for a moment.
        let Some((_, users)) = entered else { return Ok(()) };
        let user = body["user"].as_str().unwrap_or_default().to_owned();
        match &*route {
            "onAdd" if !users.insert(user.clone()) && !rooms_stay => {
                Err(format!("{name} in {rid}: onAdd {user}, who was there"))
            }
            "onLeave" if !users.remove(&user) && !rooms_stay => {
                Err(format!("{name} in {rid}: onLeave {user}, who was not there"))
            }
            "onChat" => {
                let number = body["msg"].as_u64().ok_or_else(|| format!("{name}: {body}"))?;
                self.heard.push((body["from"].as_str().unwrap().to_owned(), number));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_answers(&self, tally: &mut Tally) -> Result<(), String> {
        for (id, asked) in &self.asked {
            match (&asked.answered, &asked.what) {
                (None, _) if self.gone.is_none() => {
                    return Err(format!("{} in {}: no answer to {id}", self.name, self.rid));
                }
                (None, _) => {}
                (Some((_, body)), What::Enter) => tally.logins += u64::from(body["users"].is_array()),
                (Some((_, body)), What::Fail) if !matches!(body["code"].as_u64(), Some(500 | 503 | 504)) => {
                    return Err(format!("{}: {body}", self.name));
                }
                (Some(_), What::Fail) => tally.refused += 1,
                (Some((_, body)), What::Say { .. }) => match body["code"].as_u64() {
                    None => tally.acknowledged += 1,
                    Some(500 | 503 | 504) => tally.refused += 1,
                    Some(_) => return Err(format!("{}: {body}", self.name)),
                },
            }
        }
        Ok(())
    }
}

/// The messages of a room, and their recipients.
fn check_room(room: &[&Visit]) -> Result<(), String> {
    // By number: who said it, when, to whom, and when it was acknowledged.
    let mut said: BTreeMap<u64, (&Visit, u64, &str, Option<u64>)> = BTreeMap::new();
    // What was answered with an error that says that it was not carried out.
    let mut refused: BTreeMap<u64, &Value> = BTreeMap::new();
    for visit in room {
        for asked in visit.asked.values() {
            if let What::Say { number, target } = &asked.what {
                let acknowledged = asked.answered.as_ref().filter(|(_, body)| body["code"].is_null());
                if let Some((_, body)) = &asked.answered
                    && matches!(body["code"].as_u64(), Some(500 | 503))
                {
                    refused.insert(*number, body);
                }
                said.insert(*number, (visit, asked.at, target, acknowledged.map(|(at, _)| *at)));
            }
        }
    }
    for visit in room {
        let fail = |what: String| Err(format!("{} in {} ({}): {what}", visit.name, visit.rid, visit.key));
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for (from, number) in &visit.heard {
            let Some((sender, ..)) = said.get(number) else {
                return fail(format!("{number} of another room"));
            };
            if let Some(body) = refused.get(number) {
                return fail(format!("{number} of {from}, which was refused: {body}"));
            }
            if sender.name != *from {
                return fail(format!("{number} of {} as if from {from}", sender.name));
            }
            // Numbers grow, so this is order and at most once.
            if last.insert(from, *number).is_some_and(|before| before >= *number) {
                return fail(format!("{number} of {from} again, or late: {:?}", visit.heard));
            }
        }
        let heard: BTreeSet<u64> = visit.heard.iter().map(|(_, number)| *number).collect();
        let Some((entered, _)) = &visit.entered else { continue };
        // One who has left may have missed the last things; but nothing before what it has heard of
        // the same sender.
        let mut missed: BTreeMap<&str, u64> = BTreeMap::new();
        for (number, (sender, at, target, acknowledged)) in &said {
            let is_for = *target == "*" || **target == visit.name;
            if !is_for && heard.contains(number) {
                return fail(format!("{number}, which was for {target}"));
            }
            let must_hear = is_for && acknowledged.is_some() && at > entered;
            if must_hear && !heard.contains(number) {
                // Not to those who came back under a name: they may not have been there when it was
                // accepted.
                if *target != "*" && room.iter().filter(|other| other.name == visit.name).count() > 1 {
                    continue;
                }
                if visit.gone.is_none() {
                    return fail(format!("lost {number} of {}", sender.name));
                }
                missed.entry(&sender.name).or_insert(*number);
            }
            if heard.contains(number)
                && let Some(before) = missed.get(&*sender.name)
            {
                return fail(format!("{number} of {}, but not {before}", sender.name));
            }
        }
    }
    Ok(())
}
