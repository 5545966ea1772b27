//! Describes a scenario's model in words.

use super::super::words::{self, count, milliseconds, number, seconds};
use crate::random::{Distribution, Shape};
use crate::scenario::{ChatModel, Level, QueueModel, QueueServers, Scenario};

/// The model, in a sentence.
pub(super) fn sentence(scenario: &Scenario) -> String {
    match (&scenario.queue, &scenario.chat) {
        (Some(queue), _) => of_queue(queue),
        (_, Some(chat)) => of_chat(chat),
        _ => String::new(),
    }
}

/// Key parameters by name.
pub(super) fn facts(scenario: &Scenario) -> Vec<(&'static str, String)> {
    match (&scenario.queue, &scenario.chat) {
        (Some(queue), _) => queue_facts(queue),
        (_, Some(chat)) => chat_facts(chat),
        _ => Vec::new(),
    }
}

fn of_queue(queue: &QueueModel) -> String {
    let keys = queue.keys.map_or(String::new(), |keys| {
        format!(" Their keys are {}{}.", count(keys.count as usize, "name"), zipf(keys.zipf))
    });
    format!(
        "Jobs arrive at {} per second (gaps: {}); a strategy assigns each to one of {}, where it takes {} on average ({}).{keys}",
        number(queue.arrivals.rate_per_s),
        shape(queue.arrivals.gaps),
        count(servers(queue).0, "server"),
        milliseconds(queue.service_ms.mean),
        shape(queue.service_ms.shape),
    )
}

fn queue_facts(queue: &QueueModel) -> Vec<(&'static str, String)> {
    let (_, workers, speed) = servers(queue);
    let offered = queue.arrivals.rate_per_s * queue.service_ms.mean / 1e3 / speed;
    let mut facts = vec![
        ("workers", count(workers, "worker")),
        ("offered load", format!("{} of the capacity of all workers", words::percent(offered))),
    ];
    if queue.load_age_ms > 0.0 {
        facts.push(("age of loads", format!("up to {}", milliseconds(queue.load_age_ms))));
    }
    if let Some(timeout_ms) = queue.timeout_ms {
        facts.push(("clients wait", milliseconds(timeout_ms)));
    }
    facts
}

/// Number of servers, number of workers, and the total speed of the workers.
fn servers(queue: &QueueModel) -> (usize, usize, f64) {
    match &queue.servers {
        QueueServers::Count(servers) => (*servers as usize, *servers as usize, f64::from(*servers)),
        QueueServers::Each(each) => each.iter().fold((0, 0, 0.0), |(servers, workers, speed), server| {
            let (count, of_each) = (server.count as usize, server.workers as usize);
            let all = count.saturating_mul(of_each);
            (servers + count, workers + all, speed + all as f64 * server.speed)
        }),
    }
}

fn of_chat(chat: &ChatModel) -> String {
    let cluster = match (&chat.servers, &chat.config) {
        (Some(servers), _) => words::list(&[
            count(servers.gate as usize, "gate"),
            count(servers.connector as usize, "connector"),
            count(servers.chat as usize, "chat server"),
        ]),
        (None, Some(config)) => format!("the cluster of {}", config.display()),
        (None, None) => "a cluster".to_owned(),
    };
    let turns = if chat.talk.on_s.is_some() { " by turns" } else { "" };
    format!(
        "{} in {}{} talk{turns} on {cluster}, {} messages per second each; strategies choose among the {} servers.",
        if chat.users == 1 {
            "1 person".to_owned()
        } else {
            format!("{} people", number(f64::from(chat.users)))
        },
        count(chat.rooms as usize, "room"),
        zipf(chat.zipf),
        number(chat.talk.per_s),
        chat.balance,
    )
}

fn chat_facts(chat: &ChatModel) -> Vec<(&'static str, String)> {
    let level = match chat.level {
        Level::Machines => "the live state machines",
        Level::Flow => "people and costs, without the messages",
    };
    let logins = chat.logins_per_s.map_or_else(
        || "all at once, before the run".to_owned(),
        |rate| format!("{} per second", number(rate)),
    );
    let mut facts = vec![("simulated", level.to_owned()), ("first logins", logins)];
    if let Some(session) = &chat.session_s {
        facts.push(("people stay", distribution_s(session)));
    }
    let rebalance = if chat.rebalance { "move with the list" } else { "stay and lose their members" };
    facts.push(("rooms when the server list changes", rebalance.to_owned()));
    facts.push(("clients wait", seconds(chat.timeout_s)));
    let others = chat.others.iter().map(|(kind, strategy)| format!("{kind}: {strategy}"));
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        facts.push(("strategies of other types", others.join(", ")));
    }
    facts
}

fn distribution_s(distribution: &Distribution) -> String {
    format!("{} on average ({})", seconds(distribution.mean), shape(distribution.shape))
}

fn zipf(skew: f64) -> String {
    if skew == 0.0 { String::new() } else { format!(" (Zipf {})", number(skew)) }
}

fn shape(shape: Shape) -> String {
    match shape {
        Shape::Deterministic => "all alike".to_owned(),
        Shape::Exponential => "exponential".to_owned(),
        Shape::Uniform => "uniform".to_owned(),
        Shape::Erlang(stages) => format!("Erlang of {}", count(stages as usize, "stage")),
        Shape::Lognormal(cv2) => format!("lognormal, cv² {}", number(cv2)),
        Shape::Hyperexponential(cv2) => format!("hyperexponential, cv² {}", number(cv2)),
        Shape::Pareto(index) => format!("Pareto of index {}", number(index)),
    }
}
