//! What has to hold once a run is quiet. Each check says what is not as it should be; nothing said is good.

mod cards;
mod database;
mod logs;
mod sheets;

use std::collections::BTreeMap;

use anyhow::Result;
use domain::id::RoomKey;
use domain::wait::Wait;
use store::rooms::Room;
use store::rooms::waits::StoredWait;
use store::sqlx;

use super::people::Performed;
use super::plan::Plan;
use super::world::World;

pub use logs::leaks;

/// What a check looks at, read once for all of them.
pub struct Scene<'a> {
    pub world: &'a World,
    pub plan: &'a Plan,
    /// What was seen to be done.
    pub performed: &'a Performed,
    pub rooms: Vec<Room>,
    /// All waits ever, by id.
    pub waits: BTreeMap<String, StoredWait>,
}

/// What a run made, for its line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub commands: usize,
    /// Messages that stand in the chats.
    pub cards: usize,
    /// Cards that nobody could bring out or be sure of: parked, dead.
    pub unresolved: usize,
    /// Waits, live or not.
    pub waits: usize,
}

/// Everything that is wrong at this moment.
pub async fn all(world: &World, plan: &Plan, performed: &Performed) -> Result<(Vec<String>, Tally)> {
    let mut connection = world.admin.acquire().await?;
    let rooms = store::rooms::list(&mut connection, None).await?;
    let ids: Vec<String> = sqlx::query_scalar("select wait from waits").fetch_all(&mut *connection).await?;
    let waits = store::rooms::waits::list(&mut connection, store::rooms::waits::Which::Ids(&ids)).await?;
    let waits: BTreeMap<String, StoredWait> =
        waits.into_iter().map(|stored| (stored.wait.id.0.clone(), stored)).collect();
    drop(connection);
    let scene = Scene { world, plan, performed, rooms, waits };
    let mut problems = database::timeline(&scene).await?;
    problems.extend(database::places(&scene).await?);
    problems.extend(database::waits(&scene).await?);
    problems.extend(database::commands(&scene).await?);
    problems.extend(database::no_dead_letters(&scene).await?);
    problems.extend(sheets::today(&scene).await?);
    problems.extend(sheets::all_rooms(&scene).await?);
    problems.extend(sheets::outcomes(&scene).await?);
    let (more, mut tally) = cards::cards(&scene).await?;
    problems.extend(more);
    tally.waits = scene.waits.len();
    tally.commands = usize::try_from(count(&scene, "select count(*) from commands").await?)?;
    Ok((problems, tally))
}

async fn count(scene: &Scene<'_>, query: &'static str) -> Result<i64> {
    Ok(sqlx::query_scalar(query).fetch_one(&scene.world.admin).await?)
}

impl Scene<'_> {
    /// The live waits of a room, in order of opening.
    fn live(&self, room: &RoomKey) -> Vec<&Wait> {
        let mut live: Vec<&Wait> = self
            .waits
            .values()
            .filter(|stored| stored.room == *room && stored.replaced_by.is_none() && !stored.void)
            .map(|stored| &stored.wait)
            .collect();
        live.sort_by(|one, other| one.opened.cmp(&other.opened));
        live
    }
}
