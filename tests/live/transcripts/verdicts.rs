//! The expected result of each scenario: tables from its name to the outcome. A scenario in no
//! table must match the recording.

use pomelo_sim::ports::CloseReason;

use super::scenario::Scenario;
use crate::support::client::Transport;

/// What must come of a scenario.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The recorded packages, but what a handler pushes to the one who asked precedes its answer.
    AsRecorded,
    /// Every request is answered with 500 and a message, every heartbeat with a heartbeat, and the
    /// connection works on.
    Refused,
    /// Nothing after the handshake; the connection is closed, and counted with this reason.
    Closes(CloseReason),
    /// After the handshake each connection gets these (see `Seen::from_text`), and works on.
    Gets(&'static [(&'static str, &'static [&'static str])]),
    /// The server waits for the rest of a package; when the first bytes have come too, the second
    /// happens.
    Waits { rest: &'static [u8], gets: &'static [&'static str] },
    /// An HTTP error, and the end.
    Http,
    /// It depends on the transport.
    Either { tcp: &'static Verdict, websocket: &'static Verdict },
}

impl Verdict {
    pub(crate) fn of(scenario: &Scenario, transport: Transport) -> &'static Self {
        let row = REPAIRS.iter().find(|(name, _)| *name == scenario.name);
        match (row.map_or(&Verdict::AsRecorded, |(_, verdict)| verdict), transport) {
            (Verdict::Either { tcp, .. }, Transport::Tcp) => tcp,
            (Verdict::Either { websocket, .. }, Transport::WebSocket) => websocket,
            (verdict, _) => verdict,
        }
    }
}

pub(crate) fn is_playable(scenario: &str, transport: Transport) -> bool {
    let excluded = EXCLUDED.iter().any(|(name, _)| *name == scenario);
    let other = ONE_TRANSPORT.iter().any(|(name, only, _)| *name == scenario && *only != transport);
    !excluded && !other
}

pub(crate) fn is_real_time(scenario: &str) -> bool {
    REAL_TIME.iter().any(|(name, _)| *name == scenario)
}

/// Not played at all, and why.
pub(crate) const EXCLUDED: &[(&str, &str)] = &[
    ("opt_user_handshake_callback_ok", "there is no callback in the handshake"),
    ("opt_user_handshake_callback_error", "there is no callback in the handshake"),
    ("opt_checkClient_reject_501", "clients of any type and version are welcome"),
    ("opt_blacklist_static", "there is no blacklist"),
    ("opt_timeout_2s", "the heartbeat sets the timeout, and its handshake has the callback's answer"),
];

/// Played on one transport only, and why.
pub(crate) const ONE_TRANSPORT: &[(&str, Transport, &str)] = &[
    ("ws_empty_frame", Transport::WebSocket, "TCP has no frames"),
    ("ws_text_frame_data", Transport::WebSocket, "TCP has no frames"),
    ("tcp_byte_by_byte", Transport::Tcp, "a frame holds whole packages"),
    ("tcp_http_get_plain", Transport::Tcp, "it is about a socket's first bytes"),
    ("tcp_http_options", Transport::Tcp, "it is about a socket's first bytes"),
    ("tcp_split_G_ET", Transport::Tcp, "it is about a socket's first bytes"),
];

/// Played at the recorded pace, and after how many seconds the server closes, if it does.
pub(crate) const REAL_TIME: &[(&str, Option<f64>)] = &[
    ("heartbeat_timeout_data_does_not_count", Some(6.0)),
    ("heartbeat_timeout_no_heartbeat_after_ack", Some(6.0)),
    ("heartbeat_every_5.8s_keeps_open", None),
    ("no_ack_connection_not_timed_out_10s", Some(10.0)),
];

/// Connections that were closed by their client: the recording does not tell.
pub(crate) const CLOSED_BY_CLIENT: &[(&str, &str)] = &[
    ("flow_three_users_three_connectors", "b2"),
    ("duplicate_login_other_connector", "dupx@2"),
    ("enter_twice_different_room_same_session", "mover"),
    ("enter_twice_different_name_same_room", "name1"),
    ("impersonation_star_in_username", "attacker"),
    ("chinese_user_and_room", "李四"),
    ("leave_then_rejoin", "back"),
    ("rejoin_immediately_without_waiting_close", "fast"),
];

/// On which connector, counted from 0, a connection is, if not on the first.
pub(crate) const CONNECTORS: &[(&str, &str, usize)] = &[
    ("flow_three_users_three_connectors", "b2", 1),
    ("flow_three_users_three_connectors", "c3", 2),
    ("flow_three_users_three_connectors", "e5", 1),
    ("flow_three_users_three_connectors", "f6", 2),
    ("duplicate_login_other_connector", "dupx@2", 1),
];

/// What the operator's hand did when a scenario's clients had done their part, and the code that it
/// is answered with here.
pub(crate) const ORDERS: &[(&str, &str, u16)] = &[
    ("kick_by_uid_default_reason", r#"{"kick":"kick"}"#, 200),
    ("kick_by_uid_reason", r#"{"kick":"重复登录"}"#, 200),
    ("broadcast_reaches_unbound_sessions", r#"{"broadcast":["onNotice",{"a":1}]}"#, 200),
    // The original sends an empty body; here the pusher gets an error that names the missing field.
    ("proto_push_missing_required_field", r#"{"push":["onChat",{"msg":"m"}]}"#, 500),
    ("proto_push_missing_required_field", r#"{"push":["onChat",{"msg":"m","from":"a","target":"b"}]}"#, 200),
    ("proto_push_missing_required_field", r#"{"push":["onOther",{"a":1}]}"#, 200),
];

/// The repairs, in the order of the recording.
pub(crate) const REPAIRS: &[(&str, Verdict)] = {
    use CloseReason::{AckTimeout, BadMessage, BadPackage};
    use Verdict::{AsRecorded, Closes, Either, Gets, Http, Refused, Waits};
    &[
        // Packages: handled however they are cut; what is none closes the connection.
        ("pipelined_handshake_ack_data_no_wait", Refused),
        ("tcp_pipelined_single_segment", Refused),
        ("two_packages_one_frame", Refused),
        (
            "truncated_package_length_too_big",
            Either {
                tcp: &Waits { rest: b"          ", gets: &[r#"response 7 {"code":500}"#] },
                websocket: &Closes(BadPackage),
            },
        ),
        (
            "short_frame_3_bytes",
            Either {
                tcp: &Waits {
                    rest: b"\x15\x00\x07\x10connector.nope.x{}",
                    gets: &[r#"response 7 {"code":500}"#],
                },
                websocket: &Closes(BadPackage),
            },
        ),
        ("package_with_trailing_garbage", Closes(BadPackage)),
        ("oversize_length_ffffff", Closes(BadPackage)),
        ("tcp_oversize_then_heartbeat_timeout", Closes(BadPackage)),
        ("data_package_empty_body", Closes(BadMessage)),
        ("route_length_past_end", Closes(BadMessage)),
        ("message_only_flag_byte", Closes(BadMessage)),
        ("client_sends_high_flag_bits", Refused),
        ("invalid_utf8_route_and_body", Refused),
        ("tcp_http_get_plain", Http),
        ("tcp_http_options", Http),
        // A first segment of one byte does not hide what it is: `G` and `ET / HTTP/1.1` is HTTP.
        ("tcp_split_G_ET", Http),
        // Time: see also `REAL_TIME`.
        ("heartbeat_timeout_data_does_not_count", AsRecorded),
        ("no_ack_connection_not_timed_out_10s", Closes(AckTimeout)),
        // The gate: a number is its decimal text, other types are nobody.
        (
            "gate_queryEntry_zero_uid",
            Gets(&[("c0", &[r#"response 1 {"code":200,"host":"127.0.0.1","port":3052}"#])]),
        ),
        (
            "gate_queryEntry_number_uid",
            Gets(&[("c0", &[r#"response 1 {"code":200,"host":"127.0.0.1","port":3051}"#])]),
        ),
        (
            "gate_queryEntry_float_uid",
            Gets(&[("c0", &[r#"response 1 {"code":200,"host":"127.0.0.1","port":3050}"#])]),
        ),
        ("gate_queryEntry_bool_uid", Refused),
        ("gate_queryEntry_object_uid", Refused),
        ("gate_queryEntry_array_uid", Refused),
        ("gate_queryEntry_json_array_obj", Refused),
        ("gate_queryEntry_json_array_3", Refused),
        ("gate_queryEntry_json_empty_array", Refused),
        (
            "exception_wedges_connection_gate",
            Gets(&[(
                "c0",
                &[r#"response 1 {"code":500}"#, r#"response 2 {"code":200,"host":"127.0.0.1","port":3052}"#],
            )]),
        ),
        ("exception_wedges_connection_connector", Refused),
        // Routes: only registered handlers exist.
        ("route_connector", Refused),
        ("route_<empty>", Refused),
        ("route_.", Refused),
        ("route_..", Refused),
        ("route_..x", Refused),
        ("route_connector.entryHandler.toString", Refused),
        ("route_connector.entryHandler.__defineGetter__", Refused),
        ("route_connector.entryHandler.__proto__", Refused),
        ("route_connector.__proto__.toString", Refused),
        ("route_constructor.a.b", Refused),
        ("route___proto__.a.b", Refused),
        ("route_connector.entryHandler.constructor", Refused),
        ("route_chat.chatHandler.constructor", Refused),
        ("route_foo.bar.constructor", Refused),
        // Logging in: once, by a proper name, into a proper room; who is refused stays unbound.
        (
            "duplicate_login_other_connector",
            Gets(&[
                (
                    "dupx",
                    &[
                        r#"response 1 {"users":["dupx"]}"#,
                        r#"push onChat {"msg":"pm","from":"dupx","target":"dupx"}"#,
                        "response 2 {}",
                        r#"push onChat {"msg":"pm2","from":"dupx","target":"dupx"}"#,
                        "response 3 {}",
                        r#"push onAdd {"route":"onAdd","user":"w"}"#,
                    ],
                ),
                ("dupx@2", &[r#"response 1 {"code":500,"error":true}"#]),
                ("w", &[r#"response 1 {"users":["dupx","w"]}"#]),
            ]),
        ),
        (
            "enter_twice_different_room_same_session",
            Gets(&[
                (
                    "w1",
                    &[
                        r#"response 1 {"users":["w1"]}"#,
                        r#"push onAdd {"route":"onAdd","user":"mover"}"#,
                        r#"push onChat {"msg":"where am i","from":"mover","target":"*"}"#,
                        r#"push onChat {"msg":"to old","from":"w1","target":"*"}"#,
                        "response 2 {}",
                        r#"push onLeave {"route":"onLeave","user":"mover"}"#,
                        r#"push onAdd {"route":"onAdd","user":"chk1"}"#,
                    ],
                ),
                (
                    "w2",
                    &[
                        r#"response 1 {"users":["w2"]}"#,
                        r#"push onChat {"msg":"to new","from":"w2","target":"*"}"#,
                        "response 2 {}",
                        r#"response 3 {"code":500}"#,
                        r#"push onAdd {"route":"onAdd","user":"chk2"}"#,
                    ],
                ),
                (
                    "mover",
                    &[
                        r#"response 1 {"users":["w1","mover"]}"#,
                        r#"response 2 {"code":500}"#,
                        r#"push onChat {"msg":"where am i","from":"mover","target":"*"}"#,
                        "response 3 {}",
                        r#"push onChat {"msg":"to old","from":"w1","target":"*"}"#,
                    ],
                ),
                ("chk1", &[r#"response 1 {"users":["w1","chk1"]}"#]),
                ("chk2", &[r#"response 1 {"users":["w2","chk2"]}"#]),
            ]),
        ),
        (
            "enter_twice_different_name_same_room",
            Gets(&[
                (
                    "w",
                    &[
                        r#"response 1 {"users":["w"]}"#,
                        r#"push onAdd {"route":"onAdd","user":"name1"}"#,
                        r#"push onChat {"msg":"who am i","from":"name1","target":"*"}"#,
                        r#"push onLeave {"route":"onLeave","user":"name1"}"#,
                        r#"push onAdd {"route":"onAdd","user":"chk"}"#,
                    ],
                ),
                (
                    "name1",
                    &[
                        r#"response 1 {"users":["w","name1"]}"#,
                        r#"response 2 {"code":500}"#,
                        r#"push onChat {"msg":"who am i","from":"name1","target":"*"}"#,
                        "response 3 {}",
                    ],
                ),
                ("chk", &[r#"response 1 {"users":["w","chk"]}"#]),
            ]),
        ),
        ("enter_missing_all", Refused),
        (
            "enter_missing_rid",
            Gets(&[(
                "c0",
                &[r#"response 1 {"code":500}"#, r#"response 2 {"users":["norid"]}"#, "heartbeat"],
            )]),
        ),
        ("enter_missing_username", Refused),
        ("enter_empty_strings", Refused),
        ("enter_empty_username", Refused),
        ("enter_rid_null", Refused),
        (
            "enter_rid_number",
            Gets(&[
                (
                    "c0",
                    &[
                        r#"response 1 {"users":["u"]}"#,
                        r#"push onAdd {"route":"onAdd","user":"v"}"#,
                        r#"push onChat {"msg":"x","from":"u","target":"*"}"#,
                        "response 2 {}",
                    ],
                ),
                (
                    "c1",
                    &[
                        r#"response 1 {"users":["u","v"]}"#,
                        r#"push onChat {"msg":"x","from":"u","target":"*"}"#,
                    ],
                ),
            ]),
        ),
        ("enter_rid_array", Refused),
        ("enter_rid_object", Refused),
        ("enter_username_number", AsRecorded),
        ("enter_username_object", Refused),
        ("enter_username___proto__", AsRecorded),
        ("enter_array_body_session_injection", Refused),
        (
            "impersonation_star_in_username",
            Gets(&[
                (
                    "victim",
                    &[
                        r#"response 1 {"users":["victim"]}"#,
                        r#"push onAdd {"route":"onAdd","user":"watcher"}"#,
                        r#"push onChat {"msg":"secret","from":"watcher","target":"victim"}"#,
                    ],
                ),
                (
                    "watcher",
                    &[
                        r#"response 1 {"users":["victim","watcher"]}"#,
                        "response 2 {}",
                        r#"response 3 {"code":500}"#,
                    ],
                ),
                ("attacker", &[r#"response 1 {"code":500}"#, r#"response 2 {"code":500}"#]),
            ]),
        ),
        ("uid_collision_star_name_vs_room", Refused),
        (
            "username_star_only",
            Gets(&[
                (
                    "w",
                    &[
                        r#"response 1 {"users":["w"]}"#,
                        r#"push onChat {"msg":"x","from":"w","target":"*"}"#,
                        "response 2 {}",
                    ],
                ),
                ("star", &[r#"response 1 {"code":500}"#]),
            ]),
        ),
        ("html_and_control_chars", AsRecorded),
        ("long_username_300_and_room_1000", Refused),
        // Chatting.
        ("send_before_enter", Refused),
        ("target_missing_user", AsRecorded),
        // Dictionary and protobuf. It is no repair of what was recorded, but of an `enter` without
        // a room, which the original never answers.
        ("dict_unknown_code", Gets(&[("a", &[r#"response 2 {"code":500}"#])])),
        ("proto_json_body_where_proto_defined", Refused),
        ("proto_missing_required_in_push", AsRecorded),
        ("proto_empty_body", Refused),
        ("proto_truncated_body", Refused),
        ("proto_unknown_tag", Refused),
        // By the operator's hand: see `ORDERS`.
        ("kick_by_uid_default_reason", AsRecorded),
        ("kick_by_uid_reason", AsRecorded),
        ("broadcast_reaches_unbound_sessions", AsRecorded),
        (
            "proto_push_missing_required_field",
            Gets(&[("c0", &["push 4 0x0a016d1201611a0162", r#"push onOther {"a":1}"#])]),
        ),
    ]
};
