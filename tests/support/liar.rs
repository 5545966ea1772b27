//! A chat server of one room over TCP that behaves correctly except for one fault.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use pomelo_sim::wire::{
    BODY_BYTES_LIMIT, Message, MessageKind, PackageDecoder, PackageType, WireRoute, write_package,
    write_push, write_response,
};
use serde_json::{Value, json};

/// Its fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// Nothing.
    None,
    /// One push is not sent to one member.
    Lose,
    /// One push is sent to one member twice.
    Double,
    /// Two pushes are sent to one member in reverse order.
    Swap,
    /// A push contains a message that was never sent.
    Invent,
    /// One message is not answered.
    Forget,
    /// One message is answered with 500 and not delivered.
    Refuse,
    /// One member is kicked.
    Kick,
    /// No request to the gate is answered.
    Silent,
    /// Every login is refused.
    Shut,
    /// The handshake says that bodies are protobuf.
    Protobuf,
}

/// The affected message, counted from 1 over the whole room.
const LIE_AT: usize = 20;

#[derive(Default)]
struct Room {
    members: Vec<TcpStream>,
    messages: usize,
    held: Vec<u8>,
}

/// It runs as long as the process, on a free port.
pub fn serve(lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let room = Arc::new(Mutex::new(Room::default()));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, room) = (stream.unwrap(), room.clone());
            std::thread::spawn(move || talk(stream, address, &room, lie));
        }
    });
    address
}

/// One connection, to its end.
fn talk(mut stream: TcpStream, own: SocketAddr, room: &Mutex<Room>, lie: Lie) {
    stream.set_nodelay(true).unwrap();
    let mut decoder = PackageDecoder::new(BODY_BYTES_LIMIT);
    let mut buffer = [0; 4096];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
        let mut input = &buffer[..bytes];
        while let Some(package) = decoder.next(&mut input).unwrap() {
            match package.kind {
                PackageType::Handshake => {
                    let sys = if lie == Lie::Protobuf { json!({"useProto": true}) } else { json!({}) };
                    let mut out = Vec::new();
                    let reply = json!({"code": 200, "sys": sys}).to_string();
                    write_package(&mut out, PackageType::Handshake, reply.as_bytes());
                    let _ = stream.write_all(&out);
                }
                PackageType::Data => asked(&mut stream, package.body, own, room, lie),
                _ => {}
            }
        }
    }
}

fn asked(stream: &mut TcpStream, message: &[u8], own: SocketAddr, room: &Mutex<Room>, lie: Lie) {
    let message = Message::decode(message).unwrap();
    let MessageKind::Request { id } = message.kind else { panic!("{message:?}") };
    let Some(WireRoute::Name(route)) = &message.route else { panic!("{message:?}") };
    let body: Value = serde_json::from_slice(message.body).unwrap();
    let mut room = room.lock().unwrap();
    let answer = match &**route {
        "gate.gateHandler.queryEntry" if lie == Lie::Silent => return,
        "gate.gateHandler.queryEntry" => json!({"code": 200, "host": "127.0.0.1", "port": own.port()}),
        "connector.entryHandler.enter" if lie == Lie::Shut => json!({"code": 500, "error": true}),
        "connector.entryHandler.enter" => {
            room.members.push(stream.try_clone().unwrap());
            json!({"users": []})
        }
        "chat.chatHandler.send" => {
            room.messages += 1;
            let lie = if room.messages == LIE_AT { lie } else { Lie::None };
            if lie == Lie::Refuse {
                json!({"code": 500})
            } else {
                room.say(&body, lie);
                if lie == Lie::Forget {
                    return;
                }
                json!({})
            }
        }
        route => panic!("{route}"),
    };
    let mut out = Vec::new();
    write_response(&mut out, id, answer.to_string().as_bytes());
    // A client that has left needs no answer.
    let _ = stream.write_all(&out);
}

impl Room {
    fn say(&mut self, body: &Value, lie: Lie) {
        let mut push = Vec::new();
        let said = json!({"msg": body["content"], "from": body["from"], "target": "*"});
        write_push(&mut push, &"onChat".into(), said.to_string().as_bytes()).unwrap();
        for (index, member) in self.members.iter_mut().enumerate() {
            let mut bytes = push.clone();
            if index == 0 {
                match lie {
                    Lie::Lose => bytes.clear(),
                    Lie::Double => bytes.extend_from_slice(&push),
                    Lie::Swap => {
                        self.held = std::mem::take(&mut bytes);
                        continue;
                    }
                    Lie::Invent => {
                        let invented = json!({"msg": "robot:1:1000000:5:", "from": "robot-1", "target": "*"});
                        write_push(&mut bytes, &"onChat".into(), invented.to_string().as_bytes()).unwrap();
                    }
                    Lie::Kick => write_package(&mut bytes, PackageType::Kick, br#"{"reason":"enough"}"#),
                    _ => {}
                }
                bytes.append(&mut self.held);
            }
            let _ = member.write_all(&bytes);
            if lie == Lie::Kick && index == 0 {
                member.shutdown(std::net::Shutdown::Both).unwrap();
            }
        }
    }
}
