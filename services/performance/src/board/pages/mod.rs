//! The pages, one file each.

mod export;
mod people;
mod rooms;
pub mod silences;
mod stages;
mod today;
mod wait;
mod waits;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::access::Viewer;
use super::asked::Asked;
use super::failure::Failure;
use super::{Board, Who};
use report::{By, Overview, Query, overview};

pub(super) fn router() -> Router<Arc<Board>> {
    Router::new()
        .route("/", get(today::page))
        .route("/today", get(today::fragment))
        .route("/people", get(people::list))
        .route("/people/{name}", get(people::one))
        .route("/rooms", get(rooms::list))
        .route("/rooms/{key}", get(rooms::one))
        .route("/stages", get(stages::list))
        .route(silences::PATH, get(silences::list))
        .route("/waits", get(waits::list))
        .route("/waits/{id}", get(wait::one))
        .route("/export.csv", get(export::csv))
        .route("/export.xlsx", get(export::xlsx))
}

/// What is asked, with what the viewer may not see taken out.
///
/// # Errors
/// If they ask for what is somebody else's.
fn allowed(viewer: &Viewer, asked: Asked) -> Result<Asked, Failure> {
    let owns_it = |name: &Option<String>| viewer.own_name().is_some_and(|own| name.as_deref() == Some(own));
    if asked.room.is_some()
        && *viewer != Viewer::Manager
        && !owns_it(&asked.person)
        && !owns_it(&asked.replier)
    {
        // Of others' rooms nobody else is told anything.
        let own = viewer.rooms_of()?.map(str::to_owned);
        return match asked.person {
            None => Ok(Asked { person: own, ..asked }),
            Some(_) => Err(Failure::Forbidden),
        };
    }
    let Some(own) = viewer.only() else { return Ok(asked) };
    match (asked.person.as_deref(), asked.replier.as_deref()) {
        (Some(person), _) if person == own => Ok(asked),
        (None, Some(replier)) if replier == own => Ok(asked),
        (None, None) => Ok(Asked { person: Some(own.to_owned()), ..asked }),
        _ => Err(Failure::Forbidden),
    }
}

/// The same of rooms, by which customers are known.
///
/// # Errors
/// If they see no rooms, or ask for somebody else's.
fn allowed_rooms(viewer: &Viewer, asked: Asked) -> Result<Asked, Failure> {
    match (viewer.rooms_of()?, asked.person.as_deref()) {
        (Some(own), Some(person)) if own != person => Err(Failure::Forbidden),
        (Some(own), None) => Ok(Asked { person: Some(own.to_owned()), ..asked }),
        _ => Ok(asked),
    }
}

/// What is asked, of a reading of figures.
fn query<'a>(who: &Who, asked: &'a Asked, by: By) -> Query<'a> {
    Query {
        period: asked.period(who.rules().day_of(who.now)),
        by,
        person: asked.person.as_deref(),
        room: asked.room.as_deref(),
        stage: asked.stage,
    }
}

impl Board {
    /// The figures of what is asked.
    async fn overview(&self, who: &Who, asked: &Asked, by: By) -> Result<Overview, Failure> {
        let query = query(who, asked, by);
        Ok(overview(&mut *self.database().await?, query, who.rules(), who.now).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(sees_others: bool) -> Viewer {
        Viewer::Own { name: "王小售".into(), sees_others }
    }

    fn of(person: Option<&str>, replier: Option<&str>, room: Option<&str>) -> Asked {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Asked { person: text(person), replier: text(replier), room: text(room), ..Asked::default() }
    }

    /// Whose waits are shown; an error: none.
    fn person(viewer: &Viewer, asked: Asked) -> Result<Option<String>, ()> {
        allowed(viewer, asked).map(|asked| asked.person).map_err(drop)
    }

    #[test]
    fn a_member_of_staff_asks_for_nothing_but_their_own() {
        let own = own(false);
        let mine = Ok(Some("王小售".to_owned()));
        assert_eq!(person(&own, of(None, None, None)), mine);
        assert_eq!(person(&own, of(Some("王小售"), None, Some("r"))), mine);
        assert_eq!(person(&own, of(None, None, Some("r"))), mine);
        assert_eq!(
            person(&own, of(None, Some("李小后"), Some("r"))),
            mine,
            "of theirs what a colleague replied"
        );
        assert_eq!(
            person(&own, of(None, Some("王小售"), None)),
            Ok(None),
            "what they replied, whoever owned it"
        );
        for asked in [
            of(Some("李小后"), None, None),
            of(Some(""), None, None),
            of(Some("李小后"), Some("王小售"), None),
            of(None, Some("李小后"), None),
            of(Some("李小后"), None, Some("r")),
        ] {
            assert_eq!(person(&own, asked.clone()), Err(()), "{asked:?}");
        }
    }

    #[test]
    fn rooms_are_for_managers_and_their_owners() {
        let (others, manager, hr) = (own(true), Viewer::Manager, Viewer::Hr);
        assert_eq!(person(&others, of(Some("李小后"), None, None)), Ok(Some("李小后".into())));
        assert_eq!(person(&others, of(Some("李小后"), None, Some("r"))), Err(()));
        assert_eq!(person(&others, of(None, None, Some("r"))), Ok(Some("王小售".into())));
        assert_eq!(person(&hr, of(Some("李小后"), None, None)), Ok(Some("李小后".into())));
        assert_eq!(person(&hr, of(None, None, Some("r"))), Err(()));
        assert_eq!(person(&manager, of(None, None, Some("r"))), Ok(None));
        let lists = |viewer: &Viewer, person: Option<&str>| {
            allowed_rooms(viewer, of(person, None, None)).map(|asked| asked.person).map_err(drop)
        };
        assert_eq!(lists(&others, None), Ok(Some("王小售".into())));
        assert_eq!(lists(&others, Some("李小后")), Err(()));
        assert_eq!(lists(&hr, None), Err(()));
        assert_eq!(lists(&manager, Some("李小后")), Ok(Some("李小后".into())));
    }
}
