//! Both tokens, the space, every column of the three sheets, and the names of our own users.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime::{Config, config};
use vika::tables::{AllRooms, SystemLog, Table, Today};
use vika::views::{View, Viewed};
use vika::{
    Cell, Client, Error, FieldId, KnownColumns, MAX_PAGE_SIZE, Pacing, ROOM_NAMES, Record, RecordId,
    RecordQuery, SchemaProblem, SheetId, SpaceId, Token, UsableColumns, ViewId, unclaimed_rows,
};

use crate::vika_columns;

use super::database::reader;
use super::report::{Finding, Group};
use super::within;
use super::wording;

/// Rows that are looked at for the names of whoever wrote them.
const ROWS: usize = 100;

/// As a service would, but with less patience.
fn pacing() -> Pacing {
    let (timeout, backoff) = (Duration::from_secs(8), Duration::from_millis(300));
    Pacing { timeout, attempts: 2, backoff, ..Pacing::default() }
}

/// `day`: from when to when today is.
pub(super) async fn check(config: &Config, day: &Range<DateTime<Utc>>) -> Vec<Finding> {
    let (config, database) = (&config.vika, &config.database);
    if !config.enabled {
        return vec![Group::Vika.skipped(wording::VIKA_IS_OFF)];
    }
    let Ok(http) = runtime::http::client() else { return vec![Group::Vika.failed(wording::no_http())] };
    let client = |token: &config::Secret| {
        Client::new(http.clone(), &config.base_url, Token::new(token.expose()), pacing())
    };
    let (sync, reconcile) = (client(&config.sync_token), client(&config.reconcile_token));
    let (writes, reads) =
        tokio::join!(token("sync_token", &sync, config), token("reconcile_token", &reconcile, config));
    let usable = writes.status == super::Status::Ok;
    let mut findings = vec![writes, reads];
    if usable {
        let ids = [&config.sheets.today, &config.sheets.all_rooms, &config.sheets.system_log];
        let known = match reader(database).await {
            Some(mut database) => vika_columns::known(&mut database, ids.map(String::as_str)).await,
            None => BTreeMap::new(),
        };
        findings.extend(sheets(&sync, config, &known, day).await);
    } else {
        findings.push(Group::Vika.skipped(wording::SHEETS_NOT_READ));
    }
    findings.push(Group::Vika.ok(wording::vika_calls(sync.counted_calls() + reconcile.counted_calls())));
    findings
}

/// The nodes of the space: refused without a good token, and without a user who is a member.
async fn token(key: &str, client: &Client, config: &config::Vika) -> Finding {
    let Ok(space) = SpaceId::try_from(config.space.clone()) else {
        return Group::Vika.failed(wording::not_a_space(&config.space));
    };
    match within(client.nodes(&space)).await {
        Some(Ok(_)) => Group::Vika.ok(wording::token_opens(key, &config.space)),
        Some(Err(error)) => Group::Vika.failed(wording::vika_token(key, &config.space, &error)),
        None => Group::Vika.failed(wording::vika_token(key, &config.space, &too_slow())),
    }
}

fn too_slow() -> Error {
    Error::Retry { after: Duration::ZERO, cause: String::new() }
}

/// What is wrong with a sheet's columns.
pub(crate) fn problems(problem: &SchemaProblem) -> Vec<Finding> {
    let finding = |column| Group::Vika.failed(wording::column(problem.sheet, column));
    problem.problems.iter().map(finding).collect()
}

type Known = BTreeMap<SheetId, KnownColumns>;

async fn sheets(
    client: &Client,
    config: &config::Vika,
    known: &Known,
    day: &Range<DateTime<Utc>>,
) -> Vec<Finding> {
    let ids = &config.sheets;
    let today = sheet::<Today>(client, "today", &ids.today, known).await;
    let all_rooms = sheet::<AllRooms>(client, "all_rooms", &ids.all_rooms, known).await;
    let log = sheet::<SystemLog>(client, "system_log", &ids.system_log, known).await;
    let names = match &all_rooms.1 {
        Some((sheet, columns)) => bot_names(client, sheet, columns, &config.bot_names).await,
        None => Group::Vika.skipped(wording::NAMES_NOT_READ),
    };
    let of_today = views(client, today.1.as_ref(), day).await;
    let of_all = views(client, all_rooms.1.as_ref(), day).await;
    let unclaimed = match &all_rooms.1 {
        Some((sheet, columns)) => unclaimed(client, sheet, columns).await,
        None => Vec::new(),
    };
    [today.0, all_rooms.0, log.0, vec![names], unclaimed, of_today, of_all].concat()
}

/// The views that managers made keep the rows that they should: read through each, and compared with the rows themselves.
async fn views<T: Viewed>(
    client: &Client,
    found: Option<&(SheetId, UsableColumns<T>)>,
    today: &Range<DateTime<Utc>>,
) -> Vec<Finding> {
    let Some((sheet, columns)) = found else { return Vec::new() };
    let conditions: Vec<T> = T::VIEWS.iter().flat_map(View::columns).collect();
    let query = first_page(columns.ids(&conditions), None);
    let (Some(Ok(made)), Some(Ok(rows))) =
        (within(client.views(sheet)).await, within(client.records(sheet, &query)).await)
    else {
        return vec![Group::Vika.skipped(wording::views_not_read(T::TITLE))];
    };
    let mut findings = Vec::new();
    for view in T::VIEWS {
        findings.push(match made.iter().find(|made| made.name == view.title) {
            None => Group::Vika.warning(wording::view_missing(T::TITLE, view)),
            Some(made) => {
                let kept = rows.iter().filter(|row| view.keeps(columns, row, today));
                let wanted: BTreeSet<&RecordId> = kept.map(|row| &row.id).collect();
                through(client, sheet, view, &made.id, (&rows, &wanted)).await
            }
        });
    }
    findings
}

/// Reads through a view; of a long sheet only its first page is compared.
async fn through<T: Viewed>(
    client: &Client,
    sheet: &SheetId,
    view: &View<T>,
    id: &ViewId,
    (rows, wanted): (&[Record], &BTreeSet<&RecordId>),
) -> Finding {
    let Some(Ok(seen)) = within(client.records(sheet, &first_page(Vec::new(), Some(id.clone())))).await
    else {
        return Group::Vika.skipped(wording::views_not_read(T::TITLE));
    };
    let seen: BTreeSet<&RecordId> = seen.iter().map(|row| &row.id).collect();
    let compared = rows.iter().map(|row| &row.id);
    let (mut missing, mut surplus) = (0, 0);
    for row in compared {
        match (wanted.contains(row), seen.contains(row)) {
            (true, false) if seen.len() < MAX_PAGE_SIZE => missing += 1,
            (false, true) => surplus += 1,
            _ => {}
        }
    }
    if (missing, surplus) == (0, 0) {
        Group::Vika.ok(wording::view_is_right(T::TITLE, view.title, wanted.len()))
    } else {
        Group::Vika.warning(wording::view_differs(T::TITLE, view, missing, surplus))
    }
}

fn first_page(fields: Vec<FieldId>, view: Option<ViewId>) -> RecordQuery {
    RecordQuery { fields, view, first_page_only: true, ..RecordQuery::default() }
}

type Found<T> = Option<(SheetId, UsableColumns<T>)>;

/// Every declared column is there, once, with its type and options.
async fn sheet<T: Table>(client: &Client, key: &str, id: &str, known: &Known) -> (Vec<Finding>, Found<T>) {
    if id.is_empty() {
        return (vec![Group::Vika.failed(wording::no_sheet(T::TITLE, key))], None);
    }
    let Ok(sheet) = SheetId::try_from(id.to_owned()) else {
        return (vec![Group::Vika.failed(wording::sheet_missing(T::TITLE, key))], None);
    };
    match within(client.fields(&sheet)).await {
        Some(Ok(fields)) => {
            let nothing = KnownColumns::new();
            let known = known.get(&sheet).unwrap_or(&nothing);
            let (columns, found) = UsableColumns::<T>::find(&fields, known);
            let mut findings = problems(&SchemaProblem { sheet: T::TITLE, problems: found });
            if findings.is_empty() {
                let renamed = columns.renamed();
                findings.push(Group::Vika.ok(wording::sheet_is_sound(T::TITLE, T::ALL.len(), &renamed)));
            }
            (findings, Some((sheet, columns)))
        }
        Some(Err(Error::SheetMissing { .. })) => {
            (vec![Group::Vika.failed(wording::sheet_missing(T::TITLE, key))], None)
        }
        Some(Err(error)) => (vec![Group::Vika.failed(wording::sheet_unreadable(T::TITLE, &error))], None),
        None => (vec![Group::Vika.failed(wording::sheet_unreadable(T::TITLE, &too_slow()))], None),
    }
}

/// Rows that name a room and lack its 群ID.
async fn unclaimed(client: &Client, sheet: &SheetId, columns: &UsableColumns<AllRooms>) -> Vec<Finding> {
    let read = unclaimed_rows(client, sheet, columns, AllRooms::RoomId, ROOM_NAMES);
    let Some(Ok(rows)) = within(read).await else {
        return vec![Group::Vika.skipped(wording::UNCLAIMED_NOT_READ)];
    };
    if rows.is_empty() { Vec::new() } else { vec![Group::Vika.warning(wording::unclaimed(rows.len()))] }
}

/// The API does not say who a token's user is. But `vika-sync` fills in each new row, so that our name stands there as
/// the last who changed it until a manager does.
async fn bot_names(
    client: &Client,
    sheet: &SheetId,
    columns: &UsableColumns<AllRooms>,
    names: &[String],
) -> Finding {
    let Some(author) = columns.id(AllRooms::AssignedBy) else {
        return Group::Vika.skipped(wording::NAMES_NOT_READ);
    };
    let query = RecordQuery {
        fields: vec![author.clone()],
        page_size: Some(ROWS),
        first_page_only: true,
        ..RecordQuery::default()
    };
    let Some(Ok(rows)) = within(client.records(sheet, &query)).await else {
        return Group::Vika.skipped(wording::NAMES_NOT_READ);
    };
    let authors: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| match row.cell(author) {
            Cell::People(people) => people.first().map(|person| person.name.as_str()),
            _ => None,
        })
        .collect();
    if authors.is_empty() {
        return Group::Vika.skipped(wording::NO_ROWS_YET);
    }
    match names.iter().find(|name| authors.contains(name.as_str())) {
        Some(name) => Group::Vika.ok(wording::bot_name_seen(name)),
        None => Group::Vika.warning(wording::bot_names_unseen(&authors, names)),
    }
}
