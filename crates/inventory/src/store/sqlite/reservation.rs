//! Commands on reservations: hold, sell, give back.

use rusqlite::{Connection, OptionalExtension, Row, params};
use shop_types::{Money, MoneyError, OrderId, Sku};
use watertight_store::{Command, StepError, Tx};

use super::rows::{self, corrupt};
use crate::model::{
    self, Decision, Line, Movement, PricedLine, Request, Reservation, ReserveRefusal, Reserved,
};
use crate::store::{Changed, ReservationLost, Reserve};

/// A stored reservation.
pub(super) struct Entry {
    pub(super) state: Reservation,
    pub(super) lines: Vec<PricedLine>,
    total: Option<Money>,
    expires_ms: i64,
}

impl Entry {
    pub(super) fn skus(&self) -> Vec<Sku> {
        self.lines.iter().map(|line| line.sku.clone()).collect()
    }

    fn is_for(&self, lines: &[Line]) -> bool {
        let pair = |line: &PricedLine| (line.sku.clone(), line.quantity);
        self.lines
            .iter()
            .map(pair)
            .eq(lines.iter().map(|l| (l.sku.clone(), l.quantity)))
    }
}

/// The reservation of one order.
pub(super) fn entry(db: &Connection, order: OrderId) -> Result<Option<Entry>, StepError> {
    let mut statement = db.prepare_cached(
        "SELECT state, lines, total, currency, expires_ms FROM reservations WHERE order_id = ?1",
    )?;
    statement
        .query_row([order.as_bytes()], |row| Ok(parse(row)))
        .optional()?
        .transpose()
}

fn parse(row: &Row<'_>) -> Result<Entry, StepError> {
    let text = |column| row.get_ref(column)?.as_str().map_err(corrupt);
    let lines = rows::lines_from_text(text(1)?, text(3)?)?;
    let total = if lines.is_empty() {
        None
    } else {
        Some(Money::new(row.get(2)?, text(3)?.parse().map_err(corrupt)?))
    };
    Ok(Entry {
        state: rows::state(row.get(0)?)?,
        lines,
        total,
        expires_ms: row.get(4)?,
    })
}

/// Writes where a reservation stands now.
pub(super) fn put_state(tx: &Tx<'_>, order: OrderId, state: Reservation) -> Result<(), StepError> {
    let mut statement = tx.prepare_cached(
        "UPDATE reservations SET state = ?2, changed_ms = ?3 WHERE order_id = ?1",
    )?;
    statement.execute(params![order.as_bytes(), rows::code(state), tx.now_ms()])?;
    Ok(())
}

/// Inserts a row: a hold with lines, or the mark of a closed order without.
fn insert(
    tx: &Tx<'_>,
    order: OrderId,
    state: Reservation,
    lines: &[PricedLine],
    total: Option<Money>,
    expires_ms: i64,
) -> Result<(), StepError> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO reservations (order_id, state, lines, total, currency, expires_ms, \
         changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        order.as_bytes(),
        rows::code(state),
        rows::lines_to_text(lines)?,
        total.map_or(0, Money::minor),
        total.map_or("", |total| total.currency().code()),
        expires_ms,
        tx.now_ms(),
    ])?;
    Ok(())
}

/// Moves the pieces of all lines. Moves out of what is held can't fail unless
/// the database broke its own rules.
pub(super) fn move_all(
    db: &Connection,
    movement: Movement,
    lines: &[PricedLine],
) -> Result<(), StepError> {
    for line in lines {
        if !rows::move_pieces(db, movement, &line.sku, line.quantity)? {
            return Err(corrupt(format!(
                "{movement:?} of {} pieces {}",
                line.quantity, line.sku
            )));
        }
    }
    Ok(())
}

/// Holds all lines or none.
pub(super) struct Hold(pub(super) Reserve);

impl Command for Hold {
    const NAME: &'static str = "reserve";
    type Output = Changed<Result<Reserved, ReserveRefusal>>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let Reserve {
            order,
            lines,
            ttl_ms,
        } = self.0;
        let found = entry(tx, order)?;
        let decision = Reservation::decide(found.as_ref().map(|e| e.state), Request::Reserve);
        match (decision, found) {
            (Decision::Same, Some(entry)) => Ok(Changed::nothing(same(order, entry, &lines))),
            (Decision::Move(state, movement), None) => {
                hold(tx, order, &lines, ttl_ms, state, movement)
            }
            _ => Ok(Changed::nothing(Err(ReserveRefusal::Closed(order)))),
        }
    }
}

fn same(order: OrderId, entry: Entry, lines: &[Line]) -> Result<Reserved, ReserveRefusal> {
    match entry.total {
        Some(total) if entry.is_for(lines) => Ok(Reserved {
            lines: entry.lines,
            total,
            expires_ms: entry.expires_ms,
        }),
        _ => Err(ReserveRefusal::OtherLines(order)),
    }
}

fn hold(
    tx: &Tx<'_>,
    order: OrderId,
    lines: &[Line],
    ttl_ms: i64,
    state: Reservation,
    movement: Movement,
) -> Result<Changed<Result<Reserved, ReserveRefusal>>, StepError> {
    let (priced, after) = match price(tx, lines, movement)? {
        Ok(priced) => priced,
        Err(refusal) => return Ok(Changed::nothing(Err(refusal))),
    };
    let total = match model::total(&priced) {
        Ok(Some(total)) => total,
        Ok(None) => return Err(corrupt("a reservation without lines")),
        Err(error) => return Ok(Changed::nothing(Err(ReserveRefusal::Total(error)))),
    };
    // Nothing was written until here: a refusal leaves no trace.
    for (line, pieces) in priced.iter().zip(after) {
        rows::put_pieces(tx, &line.sku, pieces)?;
    }
    let expires_ms = tx.now_ms().saturating_add(ttl_ms);
    insert(tx, order, state, &priced, Some(total), expires_ms)?;
    let skus = lines.iter().map(|line| line.sku.clone()).collect();
    Ok(Changed {
        answer: Ok(Reserved {
            lines: priced,
            total,
            expires_ms,
        }),
        skus,
    })
}

type Priced = (Vec<PricedLine>, Vec<model::Pieces>);

fn price(
    db: &Connection,
    lines: &[Line],
    movement: Movement,
) -> Result<Result<Priced, ReserveRefusal>, StepError> {
    let (mut priced, mut pieces) = (
        Vec::with_capacity(lines.len()),
        Vec::with_capacity(lines.len()),
    );
    for Line { sku, quantity } in lines {
        let Some(stock) = rows::stock(db, sku)? else {
            return Ok(Err(ReserveRefusal::UnknownSku(sku.clone())));
        };
        let Some(after) = stock.pieces.moved(movement, *quantity) else {
            let available = stock.pieces.available;
            return Ok(Err(ReserveRefusal::OutOfStock {
                sku: sku.clone(),
                available,
            }));
        };
        priced.push(PricedLine {
            sku: sku.clone(),
            quantity: *quantity,
            unit_price: stock.price,
        });
        pieces.push(after);
    }
    Ok(Ok((priced, pieces)))
}

/// Sells what the order holds.
pub(super) struct Sell(pub(super) OrderId);

impl Command for Sell {
    const NAME: &'static str = "commit";
    type Output = Changed<Result<(), ReservationLost>>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let order = self.0;
        let found = entry(tx, order)?;
        let decision = Reservation::decide(found.as_ref().map(|e| e.state), Request::Commit);
        match (decision, found) {
            (Decision::Same, _) => Ok(Changed::nothing(Ok(()))),
            (Decision::Move(state, movement), Some(entry)) => {
                if movement == Movement::SellFree && !all_free(tx, &entry.lines)? {
                    return Ok(Changed::nothing(Err(ReservationLost)));
                }
                move_all(tx, movement, &entry.lines)?;
                put_state(tx, order, state)?;
                Ok(Changed {
                    answer: Ok(()),
                    skus: entry.skus(),
                })
            }
            _ => Ok(Changed::nothing(Err(ReservationLost))),
        }
    }
}

fn all_free(db: &Connection, lines: &[PricedLine]) -> Result<bool, StepError> {
    for line in lines {
        let stock = rows::stock(db, &line.sku)?;
        if stock.is_none_or(|stock| stock.pieces.available < line.quantity.get()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives back what the order holds or bought.
pub(super) struct GiveBack(pub(super) OrderId);

impl Command for GiveBack {
    const NAME: &'static str = "release";
    type Output = Changed<()>;

    fn apply(self, tx: &Tx<'_>) -> Result<Self::Output, StepError> {
        let order = self.0;
        let found = entry(tx, order)?;
        let decision = Reservation::decide(found.as_ref().map(|e| e.state), Request::Release);
        match (decision, found) {
            (Decision::Move(state, movement), Some(entry)) => {
                move_all(tx, movement, &entry.lines)?;
                put_state(tx, order, state)?;
                Ok(Changed {
                    answer: (),
                    skus: entry.skus(),
                })
            }
            (Decision::Mark(state), found) => {
                match found {
                    Some(_) => put_state(tx, order, state)?,
                    None => insert(tx, order, state, &[], None, tx.now_ms())?,
                }
                Ok(Changed::nothing(()))
            }
            _ => Ok(Changed::nothing(())),
        }
    }
}

impl From<MoneyError> for ReserveRefusal {
    fn from(error: MoneyError) -> Self {
        Self::Total(error)
    }
}
