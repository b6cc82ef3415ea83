//! Cards with figures: the managers' of the day and of the week, and, where the rules say so, each owner's own. One a day or
//! week at each address, by its key; what stands on it is read when it is sent.

use chrono::{Days, NaiveDate, Weekday};
use domain::Timestamp;
use domain::calendar::TimeOfDay;
use domain::id::StaffName;
use domain::notification::{Step, Subject};
use domain::rules::Severity;
use runtime::Context;
use store::alerts::notifications::{self, Address, NewNotification};

use crate::content::card::CardState;
use crate::content::figures::FiguresOf;
use crate::content::status::as_json;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;

/// They tell, and nothing is wrong.
const SEVERITY: Severity = Severity::Blue;

/// Looks once a day for each kind.
#[derive(Debug, Default)]
pub struct FigureCards {
    /// The last day on which the managers' of the day were looked for.
    day: Option<NaiveDate>,
    week: Option<NaiveDate>,
    own: Option<NaiveDate>,
}

/// A card that is due.
struct Due {
    day: NaiveDate,
    at: Timestamp,
}

impl FigureCards {
    /// Makes the cards of this day whose time has come. Called when folding is known to be up to date.
    pub async fn run(&mut self, ctx: &Context, context: &AlertContext) -> Result<(), Failure> {
        let times = context.rules().figure_cards;
        if let Some(due) = due(context, times.day, self.day) {
            make(ctx, context, &due, &managers(ctx, context), Step::Day(due.day)).await?;
            self.day = Some(due.day);
        }
        if let Some(due) = due(context, times.week, self.week) {
            if is_first_of_week(context, due.day) {
                let monday = due.day.week(Weekday::Mon).first_day();
                let before = monday.checked_sub_days(Days::new(7)).unwrap_or(monday);
                make(ctx, context, &due, &managers(ctx, context), Step::Week(before)).await?;
            }
            self.week = Some(due.day);
        }
        if let Some(due) = due(context, times.own, self.own) {
            make(ctx, context, &due, &owners(ctx, context), Step::Day(due.day)).await?;
            self.own = Some(due.day);
        }
        Ok(())
    }
}

fn due(context: &AlertContext, time: Option<TimeOfDay>, last: Option<NaiveDate>) -> Option<Due> {
    let (day, at) = context.of_day(time?)?;
    (last != Some(day) && context.is_told(at)).then_some(Due { day, at })
}

/// Whether nobody has worked yet in the week of a day.
fn is_first_of_week(context: &AlertContext, day: NaiveDate) -> bool {
    let days = day.week(Weekday::Mon).first_day().iter_days();
    days.take_while(|earlier| *earlier < day).all(|earlier| !context.rules().is_working_day(earlier))
}

/// Whose figures go where.
type Readers = Vec<(Option<StaffName>, Vec<Address>)>;

/// Whoever is not reached by themselves is told where everybody reads. Nobody stands in: figures of people are for managers.
fn managers(ctx: &Context, context: &AlertContext) -> Readers {
    let book = context.book(&ctx.config.feishu);
    let own = |manager: &StaffName| book.own(manager).unwrap_or_else(|| book.public());
    let mut to: Vec<Address> = context.rules().managers.iter().map(own).collect();
    to.sort();
    to.dedup();
    vec![(None, to)]
}

/// Everybody who can be told alone: what is somebody's own is nobody else's, also while they are away.
fn owners(ctx: &Context, context: &AlertContext) -> Readers {
    let book = context.book(&ctx.config.feishu);
    let all = context.rules().roster.iter().filter(|entry| entry.team.stage().is_some());
    all.filter_map(|entry| Some((Some(entry.name.clone()), vec![book.own(&entry.name)?]))).collect()
}

async fn make(
    ctx: &Context,
    context: &AlertContext,
    due: &Due,
    readers: &Readers,
    step: Step,
) -> Result<(), Failure> {
    let book = context.book(&ctx.config.feishu);
    let mut tx = ctx.db.begin().await?;
    for (owner, addresses) in readers {
        let of = (owner.as_ref(), step);
        let figures = FiguresOf::read(&mut tx, of, context.history(), context.now).await?;
        let subject = Subject::Figures(owner.clone());
        for to in addresses.iter().filter(|to| figures.is_wanted(to, book)) {
            let new = NewNotification::new(&subject, step, to, SEVERITY, due.at);
            if notifications::insert(&mut tx, &new, &as_json(&CardState::WAITING)?, context.now).await? {
                tracing::info!(day = %due.day, "a card with figures is due");
            }
        }
    }
    tx.commit().await?;
    Ok(())
}
