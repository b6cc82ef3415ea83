//! Every right tried, and everything that is none: the server itself must refuse it.

use anyhow::Result;
use runtime::bus::User;

use crate::support::{
    ALERTER, INGEST, OPERATOR, READER, ROOM_STATE, VIKA_RECONCILE, VIKA_SYNC, Wire, declared,
};

/// Where anybody could want to publish, and who may. Not derived from what is being tested.
const PUBLISH: &[(&str, &[User])] = &[
    // Facts: each has one publisher, commands have two, and the operator replays dead letters.
    ("chat.message.room1", &[INGEST, OPERATOR]),
    ("chat.room.room1", &[INGEST, OPERATOR]),
    ("chat.gateway.main", &[INGEST, OPERATOR]),
    ("chat", &[]),
    ("command.cancel.room1", &[VIKA_RECONCILE, ALERTER, OPERATOR]),
    ("command.assign.room1", &[VIKA_RECONCILE, ALERTER, OPERATOR]),
    ("room.changed.room1", &[ROOM_STATE, OPERATOR]),
    ("room.deleted.room1", &[]),
    ("something.else", &[]),
    // Dead letters and beats: each its own.
    ("dead.ingest.refused", &[INGEST]),
    ("dead.room-state.undecodable", &[ROOM_STATE]),
    ("dead.vika-sync.refused", &[VIKA_SYNC]),
    ("dead.vika-reconcile.refused", &[VIKA_RECONCILE]),
    ("dead.feishu-alerter.refused", &[ALERTER]),
    ("dead.operator.refused", &[]),
    ("beat.ingest", &[INGEST]),
    ("beat.room-state", &[ROOM_STATE]),
    ("beat.vika-sync", &[VIKA_SYNC]),
    ("beat.vika-reconcile", &[VIKA_RECONCILE]),
    ("beat.feishu-alerter", &[ALERTER]),
    // Durables: each its own.
    ("$JS.API.CONSUMER.MSG.NEXT.CHAT.room-state-chat", &[ROOM_STATE]),
    ("$JS.API.CONSUMER.MSG.NEXT.COMMAND.room-state-command", &[ROOM_STATE]),
    ("$JS.API.CONSUMER.MSG.NEXT.ROOM.vika-sync", &[VIKA_SYNC]),
    ("$JS.API.CONSUMER.MSG.NEXT.ROOM.feishu-alerter", &[ALERTER]),
    ("$JS.API.CONSUMER.MSG.NEXT.DEAD.feishu-alerter-dead", &[ALERTER]),
    ("$JS.API.CONSUMER.MSG.NEXT.CHAT.vika-sync", &[]),
    ("$JS.API.CONSUMER.INFO.CHAT.room-state-chat", &[User::Admin, ROOM_STATE, READER]),
    ("$JS.API.CONSUMER.INFO.COMMAND.room-state-command", &[User::Admin, ROOM_STATE, READER]),
    ("$JS.API.CONSUMER.INFO.ROOM.vika-sync", &[User::Admin, VIKA_SYNC, READER]),
    ("$JS.API.CONSUMER.INFO.ROOM.feishu-alerter", &[User::Admin, ALERTER, READER]),
    ("$JS.API.CONSUMER.INFO.DEAD.feishu-alerter-dead", &[User::Admin, ALERTER, READER]),
    ("$JS.ACK.CHAT.room-state-chat.1.2.3.4.5", &[ROOM_STATE]),
    ("$JS.ACK.COMMAND.room-state-command.1.2.3.4.5", &[ROOM_STATE]),
    ("$JS.ACK.ROOM.vika-sync.1.2.3.4.5", &[VIKA_SYNC]),
    ("$JS.ACK.ROOM.feishu-alerter.1.2.3.4.5", &[ALERTER]),
    ("$JS.ACK.DEAD.feishu-alerter-dead.1.2.3.4.5", &[ALERTER]),
    // The same in the second form, with domain and account.
    ("$JS.ACK._.hAsH.CHAT.room-state-chat.1.2.3.4.5.x", &[ROOM_STATE]),
    ("$JS.ACK._.hAsH.COMMAND.room-state-command.1.2.3.4.5.x", &[ROOM_STATE]),
    ("$JS.ACK._.hAsH.ROOM.vika-sync.1.2.3.4.5.x", &[VIKA_SYNC]),
    ("$JS.ACK._.hAsH.ROOM.feishu-alerter.1.2.3.4.5.x", &[ALERTER]),
    ("$JS.ACK._.hAsH.DEAD.feishu-alerter-dead.1.2.3.4.5.x", &[ALERTER]),
    // Messages of streams: the age of the oldest not folded; dead letters.
    ("$JS.API.STREAM.MSG.GET.CHAT", &[ROOM_STATE]),
    ("$JS.API.STREAM.MSG.GET.COMMAND", &[ROOM_STATE]),
    ("$JS.API.STREAM.MSG.GET.ROOM", &[]),
    ("$JS.API.STREAM.MSG.GET.DEAD", &[OPERATOR]),
    ("$JS.API.STREAM.MSG.DELETE.DEAD", &[OPERATOR]),
    ("$JS.API.STREAM.MSG.DELETE.CHAT", &[]),
    ("$JS.API.DIRECT.GET.CHAT", &[]),
    // Declaring.
    ("$JS.API.STREAM.INFO.CHAT", &[User::Admin, READER]),
    ("$JS.API.STREAM.INFO.DEAD", &[User::Admin, OPERATOR, READER]),
    ("$JS.API.STREAM.CREATE.CHAT", &[User::Admin]),
    ("$JS.API.STREAM.UPDATE.DEAD", &[User::Admin]),
    ("$JS.API.STREAM.CREATE.OTHER", &[]),
    ("$JS.API.STREAM.DELETE.CHAT", &[]),
    ("$JS.API.STREAM.DELETE.DEAD", &[]),
    ("$JS.API.STREAM.DELETE.ROOM", &[User::Admin]),
    ("$JS.API.STREAM.PURGE.CHAT", &[]),
    ("$JS.API.STREAM.SNAPSHOT.CHAT", &[]),
    ("$JS.API.CONSUMER.CREATE.CHAT", &[]),
    ("$JS.API.CONSUMER.CREATE.CHAT.room-state-chat", &[User::Admin]),
    ("$JS.API.CONSUMER.CREATE.ROOM.vika-sync.room.changed.*", &[User::Admin]),
    ("$JS.API.CONSUMER.CREATE.CHAT.spy", &[User::Admin]),
    ("$JS.API.CONSUMER.DURABLE.CREATE.CHAT.spy", &[]),
    ("$JS.API.CONSUMER.DELETE.CHAT.room-state-chat", &[User::Admin]),
    ("$JS.API.CONSUMER.DELETE.COMMAND.room-state-command", &[User::Admin]),
    ("$JS.API.CONSUMER.DELETE.ROOM.vika-sync", &[]),
    ("$JS.API.CONSUMER.PAUSE.CHAT.room-state-chat", &[]),
    // Looking.
    ("$JS.API.INFO", &[READER]),
    ("$JS.API.STREAM.NAMES", &[READER]),
    ("$JS.API.STREAM.LIST", &[READER]),
    ("$JS.API.CONSUMER.NAMES.CHAT", &[READER]),
    ("$JS.API.CONSUMER.LIST.CHAT", &[READER]),
    ("$SYS.REQ.SERVER.PING", &[]),
    // Nobody answers in anybody's name.
    ("_INBOX.room_state.x", &[]),
    ("_INBOX.operator.x", &[]),
];

/// The same for subscriptions.
const SUBSCRIBE: &[(&str, &[User])] = &[
    (">", &[]),
    ("*.>", &[]),
    ("chat.>", &[]),
    ("chat.message.*", &[]),
    ("command.>", &[]),
    ("room.changed.*", &[]),
    ("dead.>", &[]),
    ("beat.>", &[ALERTER]),
    ("beat.ingest", &[ALERTER]),
    ("beat.feishu-alerter", &[ALERTER, INGEST]),
    ("$JS.>", &[]),
    ("$JS.EVENT.>", &[]),
    ("$JS.ACK.>", &[]),
    ("$SYS.>", &[]),
    ("_INBOX.>", &[]),
    ("_INBOX.*.x", &[]),
    ("_INBOX.admin.x.*", &[User::Admin]),
    ("_INBOX.ingest.x.*", &[INGEST]),
    ("_INBOX.room_state.x.*", &[ROOM_STATE]),
    ("_INBOX.vika_sync.x.*", &[VIKA_SYNC]),
    ("_INBOX.vika_reconcile.x.*", &[VIKA_RECONCILE]),
    ("_INBOX.feishu_alerter.x.*", &[ALERTER]),
    ("_INBOX.operator.x.*", &[OPERATOR]),
    ("_INBOX.reader.x.*", &[READER]),
];

#[tokio::test]
async fn each_user_may_do_its_own_and_nothing_else() -> Result<()> {
    let server = declared().await?;
    let mut wrong = Vec::new();
    for user in User::ALL {
        let mut wire = Wire::connect(&server, user).await?;
        for (subject, who) in PUBLISH {
            if wire.may_publish(subject).await? != who.contains(&user) {
                wrong.push(format!("{user} publishing to {subject}"));
            }
        }
        for (subject, who) in SUBSCRIBE {
            if wire.may_subscribe(subject).await? != who.contains(&user) {
                wrong.push(format!("{user} subscribing to {subject}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn nobody_gets_in_without_his_own_password() -> Result<()> {
    let server = declared().await?;
    assert!(async_nats::connect(server.address()).await.is_err(), "no password was asked for");
    let as_other = crate::support::login(&server, INGEST);
    let as_other = runtime::bus::Login { user: "room_state".into(), ..as_other };
    assert!(runtime::bus::Bus::connect(&as_other, "test").await.is_err());
    Ok(())
}
