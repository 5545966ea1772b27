//! One script, drawn from a seed, on the pure machines, in virtual time, and on actors with real
//! sockets: every client receives the same messages in the same order.

use pomelo_sim::random::{Random, Shape};
use pomelo_sim::scenario::Costs;
use serde_json::{Value, json};

use crate::support::client::Transport;
use crate::support::virtual_world::VirtualWorld;
use crate::support::world::{LiveWorld, Player, PureWorld, World};
use crate::support::{patient, tutorial};

/// How many things are done.
const STEPS: usize = 150;

/// What each player got, in order.
type Inboxes = Vec<Vec<Value>>;

/// A user in a room.
struct Member {
    player: Player,
    number: usize,
    rid: String,
}

fn play(world: &mut dyn World, seed: u64) -> Inboxes {
    let mut random = Random::new(seed, "script");
    let mut inboxes: Inboxes = Vec::new();
    let mut members: Vec<Member> = Vec::new();
    for step in 0..STEPS {
        match random.index(8) {
            0..=2 => {
                let server = format!("connector-server-{}", random.between(1, 3));
                let (number, rid) = (inboxes.len(), format!("room{}", random.between(1, 4)));
                let player = world.open(&server);
                let body = json!({"username": format!("user{number}"), "rid": rid});
                let answer = world.request(player, "connector.entryHandler.enter", body);
                inboxes.push(vec![answer]);
                members.push(Member { player, number, rid });
            }
            3..=6 if !members.is_empty() => {
                let Member { player, number, rid } = &members[random.index(members.len())];
                let others: Vec<&Member> = members.iter().filter(|other| other.rid == *rid).collect();
                let target = match random.index(4) {
                    0 => format!("user{}", others[random.index(others.len())].number),
                    1 => "nobody".to_owned(),
                    _ => "*".to_owned(),
                };
                let content = format!("step {step}");
                let say = ("chat.chatHandler.send", json!({"content": content, "target": target}));
                // Two at once keep their order.
                let answers = world.requests(*player, &[say.clone(), say]);
                inboxes[*number].extend(answers);
            }
            7 if members.len() > 3 => {
                let Member { player, number, .. } = members.swap_remove(random.index(members.len()));
                inboxes[number].extend(pushes(world, player));
                world.leave(player);
            }
            _ => {}
        }
    }
    for Member { player, number, .. } in members {
        inboxes[number].extend(pushes(world, player));
    }
    inboxes
}

fn pushes(world: &mut dyn World, player: Player) -> impl Iterator<Item = Value> {
    world.pushes(player).into_iter().map(|(route, body)| json!([route, body]))
}

#[test]
fn clients_get_the_same_from_machines_in_virtual_time_and_from_actors() {
    for seed in 0..3 {
        let wanted = play(&mut PureWorld::new(tutorial()), seed);
        let got: usize = wanted.iter().map(Vec::len).sum();
        assert!(got > 400, "the script says too little: {got}");
        assert_eq!(play(&mut VirtualWorld::new(tutorial(), None), seed), wanted, "free, seed {seed}");
        let costs = Costs { shape: Shape::Lognormal(4.0), ..Costs::default() };
        assert_eq!(
            play(&mut VirtualWorld::new(tutorial(), Some(costs)), seed),
            wanted,
            "costly, seed {seed}"
        );
        assert_eq!(
            play(&mut LiveWorld::new(tutorial().options(patient()), Transport::Tcp), seed),
            wanted,
            "live, seed {seed}"
        );
    }
}
