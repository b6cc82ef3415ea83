//! A service's session with Vika: the client of its token, the ledger of its calls, and the pauses after failures.
//!
//! Some failures concern one sheet, others everything that the token is used for. What is paused, for how long and what
//! operators are told follows from the error alone, and is the same for every service.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    client::{Client, Token},
    error::{Error, Pause},
    guard::SchemaGuard,
    ids::SheetId,
    ledger::{CallCount, Purpose},
    pacing::Pacing,
    schema::ColumnProblem,
    tables::Table,
    usable_columns::{KnownColumns, UsableColumns},
};

/// Calls that fail for this long are a standstill.
const STALLED_AFTER: TimeDelta = TimeDelta::minutes(5);

/// Why Vika refuses every call of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The monthly quota of the space is used up.
    Quota,
    /// The token is not accepted, or its user may not do this.
    Access,
}

impl Refusal {
    fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Quota { .. } => Some(Self::Quota),
            Error::Unauthorized | Error::Forbidden { .. } => Some(Self::Access),
            _ => None,
        }
    }
}

/// The session of one token. Clones share the client and its ledger, not the pauses.
#[derive(Debug, Clone)]
pub struct Session {
    client: Client,
    calls: CallCount,
    paused_until: Option<DateTime<Utc>>,
    /// With the calls that had succeeded by then.
    refusal: Option<(Refusal, u64)>,
    /// Refusals by the quota in a row.
    quota_refusals: u32,
}

impl Session {
    /// A session without pauses; for the arguments see [`Client::new`].
    pub fn new(http: reqwest::Client, base: &str, token: Token, pacing: Pacing) -> Self {
        let calls = CallCount::default();
        let client = calls.counting(Client::new(http, base, token, pacing));
        Self { client, calls, paused_until: None, refusal: None, quota_refusals: 0 }
    }

    /// The client whose calls are entered into the ledger.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether all calls are paused.
    pub fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// Why every call is refused; `None` once a call has succeeded again.
    pub fn refusal(&mut self) -> Option<Refusal> {
        let succeeded = self.client.counted_calls();
        if self.refusal.is_some_and(|(_, before)| succeeded > before) {
            (self.refusal, self.quota_refusals) = (None, 0);
        }
        self.refusal.map(|(refusal, _)| refusal)
    }

    /// Pauses what a failed call about a sheet says to pause.
    pub fn failed<T: Table>(&mut self, error: &Error, sheet: &mut SheetState<T>, now: DateTime<Utc>) {
        sheet.mark_failure(now);
        match error {
            Error::Rejected { .. } => sheet.guard.check_soon(),
            Error::SheetMissing { .. } => sheet.inaccessible = true,
            _ => {}
        }
        let pause = error.pause_after(self.quota_refusals);
        if let Some(refusal) = Refusal::of(error) {
            self.refusal = Some((refusal, self.client.counted_calls()));
            self.quota_refusals += u32::from(refusal == Refusal::Quota);
        }
        if error.is_transient() {
            tracing::warn!(sheet = T::TITLE, %error, ?pause, "calls to Vika are paused");
        } else {
            tracing::error!(sheet = T::TITLE, %error, ?pause, "calls to Vika are paused");
        }
        match pause {
            Pause::Everything(pause) => self.paused_until = Some(later(now, pause)),
            Pause::Sheet(pause) => sheet.paused_until = Some(later(now, pause)),
            Pause::NewRows(pause) => sheet.full_until = Some(later(now, pause)),
        }
    }

    /// What calls are made for from now on. Whoever shares the client makes one call after another.
    pub fn spend_on(&self, purpose: Purpose) {
        self.calls.set_purpose(purpose);
    }

    /// Enters the calls since the last time into a ledger, by purpose; if that fails they are kept for the next time.
    pub async fn record_calls<F, E>(&self, enter: impl FnOnce(Vec<(&'static str, i64)>) -> F) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let calls = self.calls.take();
        if calls.is_empty() {
            return Ok(());
        }
        let entered = enter(calls.iter().map(|(purpose, calls)| (purpose.as_str(), *calls)).collect()).await;
        if entered.is_err() {
            self.calls.put_back(calls);
        }
        entered
    }
}

/// What operators have to repair about a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SheetProblem {
    /// It is missing, or not visible to the token's user.
    Inaccessible,
    /// Columns that cannot be used, by declared name.
    Columns(Vec<&'static str>),
    /// It takes no more rows.
    Full,
    /// Calls have failed for minutes for another reason.
    Stalled,
}

/// The columns of a sheet, and what failed calls about it say.
#[derive(Debug)]
pub struct SheetState<T: 'static> {
    guard: SchemaGuard<T>,
    paused_until: Option<DateTime<Utc>>,
    full_until: Option<DateTime<Utc>>,
    failing_since: Option<DateTime<Utc>>,
    inaccessible: bool,
}

impl<T: Table> SheetState<T> {
    /// A sheet that was not checked yet, of no use without the `needed` columns.
    pub fn new(id: SheetId, needed: &'static [T]) -> Self {
        Self {
            guard: SchemaGuard::new(id, needed),
            paused_until: None,
            full_until: None,
            failing_since: None,
            inaccessible: false,
        }
    }

    /// The id of the sheet.
    pub fn id(&self) -> &SheetId {
        &self.guard.sheet
    }

    /// These ids of columns were found before.
    pub fn remember(&mut self, known: KnownColumns) {
        self.guard.remember(known);
    }

    /// The ids of columns as they were once found.
    pub fn known(&self) -> &KnownColumns {
        self.guard.known()
    }

    /// Whether calls about it are paused.
    pub fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// Its columns, unless calls are paused or a needed column is missing.
    pub fn columns(&self, now: DateTime<Utc>) -> Option<&UsableColumns<T>> {
        self.guard.usable().filter(|_| !self.is_paused(now))
    }

    /// Whether rows can be created.
    pub fn accepts_rows(&self, now: DateTime<Utc>) -> bool {
        self.full_until.is_none_or(|until| now >= until)
    }

    /// Checks the columns if that is due and calls are not paused; while nothing is wrong every `pause`. `true`: other
    /// columns can be used than before.
    pub async fn check_columns(
        &mut self,
        client: &Client,
        pause: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        if self.is_paused(now) {
            return Ok(false);
        }
        let before = client.counted_calls();
        let changed = self.guard.check_if_due(client, pause, now).await?;
        if client.counted_calls() > before {
            self.inaccessible = false;
        }
        Ok(changed)
    }

    /// Checks the columns after a refused call. `true`: other columns can be used than before.
    pub async fn check_after_refusal(&mut self, client: &Client, now: DateTime<Utc>) -> Result<bool, Error> {
        self.guard.check_after_refusal(client, now).await
    }

    /// Work on it failed, for whatever reason.
    pub fn mark_failure(&mut self, now: DateTime<Utc>) {
        self.failing_since.get_or_insert(now);
    }

    /// Calls about it succeed.
    pub fn mark_success(&mut self) {
        (self.failing_since, self.inaccessible) = (None, false);
    }

    /// No work is left for it, so that whatever failed was done or given up. Whether it is still full, the next row shows.
    pub fn mark_idle(&mut self, now: DateTime<Utc>) {
        self.failing_since = None;
        self.full_until = self.full_until.filter(|until| now < *until);
    }

    /// A row was refused for the limit of the sheet: creation is paused.
    pub fn mark_full(&mut self, error: &Error, now: DateTime<Utc>) {
        if let Pause::NewRows(pause) = error.pause() {
            self.full_until = Some(later(now, pause));
        }
    }

    /// A row was created.
    pub fn mark_row_created(&mut self) {
        self.full_until = None;
    }

    /// What operators have to repair.
    pub fn problems(&self, now: DateTime<Utc>) -> Vec<SheetProblem> {
        let columns: Vec<&'static str> = self.guard.problems().iter().map(ColumnProblem::column).collect();
        let is_stalled = self.failing_since.is_some_and(|since| now - since >= STALLED_AFTER);
        let mut found = Vec::new();
        if self.inaccessible {
            found.push(SheetProblem::Inaccessible);
        }
        if !columns.is_empty() {
            found.push(SheetProblem::Columns(columns));
        }
        if self.full_until.is_some() {
            found.push(SheetProblem::Full);
        }
        if found.is_empty() && is_stalled {
            found.push(SheetProblem::Stalled);
        }
        found
    }
}

fn later(now: DateTime<Utc>, pause: Duration) -> DateTime<Utc> {
    now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::days(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Today;

    fn session() -> Session {
        static PROVIDER: std::sync::Once = std::sync::Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        #[expect(clippy::disallowed_methods, reason = "no call is made with it")]
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Session::new(http, "http://127.0.0.1:9", Token::new("usk"), Pacing::default())
    }

    #[test]
    fn a_failure_pauses_what_it_concerns() {
        let (mut session, now) = (session(), DateTime::UNIX_EPOCH);
        let mut sheet = SheetState::<Today>::new("dstA".parse().unwrap(), &[Today::RoomId]);
        session.failed(&Error::SheetMissing { message: String::new() }, &mut sheet, now);
        assert!(sheet.is_paused(now) && !session.is_paused(now));
        assert_eq!(sheet.problems(now), [SheetProblem::Inaccessible]);
        sheet.mark_success();
        assert_eq!((sheet.problems(now), session.refusal()), (Vec::new(), None));

        let cause = String::new;
        session.failed(&Error::Retry { after: Duration::from_secs(30), cause: cause() }, &mut sheet, now);
        assert_eq!(sheet.problems(now + STALLED_AFTER), [SheetProblem::Stalled]);

        session.failed(&Error::RowLimit { message: cause() }, &mut sheet, now);
        assert!(!sheet.accepts_rows(now) && sheet.problems(now) == [SheetProblem::Full]);
        sheet.mark_row_created();
        assert!(sheet.accepts_rows(now));

        session.failed(&Error::Quota { message: cause() }, &mut sheet, now);
        assert!(
            session.is_paused(now + TimeDelta::minutes(3)) && !session.is_paused(now + TimeDelta::minutes(4))
        );
        assert_eq!(session.refusal(), Some(Refusal::Quota), "no call has succeeded since");
        session.failed(&Error::Quota { message: cause() }, &mut sheet, now);
        assert!(session.is_paused(now + TimeDelta::minutes(7)), "twice as long");
    }
}
