//! Where panels stand: rows fill from the left and break when they are full.

use super::{Draw, Panel, Row};

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// Height of a row's heading.
const HEADING: u32 = 1;

/// A place in the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
}

/// How high a panel is.
const fn height(panel: &Panel) -> u32 {
    match panel.draw {
        Draw::Figure => 4,
        Draw::Lines | Draw::Stacked | Draw::Bars | Draw::Table => 8,
        Draw::Logs | Draw::Traces | Draw::Graph => 12,
    }
}

/// The place of a row's heading and of each of its panels; moves `y` below it.
pub(super) fn row(row: &Row, y: &mut u32) -> (Place, Vec<Place>) {
    let heading = Place {
        x: 0,
        y: *y,
        w: COLUMNS,
        h: HEADING,
    };
    *y += HEADING;
    let (mut x, mut line) = (0, 0);
    let mut places = Vec::with_capacity(row.panels.len());
    for panel in &row.panels {
        let w = panel.width.clamp(1, COLUMNS);
        if x + w > COLUMNS {
            *y += line;
            (x, line) = (0, 0);
        }
        let h = height(panel);
        places.push(Place { x, y: *y, w, h });
        x += w;
        line = line.max(h);
    }
    *y += line;
    (heading, places)
}

#[cfg(test)]
mod tests {
    use super::super::{Unit, panel};
    use super::*;

    #[test]
    fn a_full_line_breaks_below_its_highest_panel() {
        let figure = || panel(Draw::Figure, Unit::Count, "a", "b").wide(12);
        let lines = panel(Draw::Lines, Unit::Count, "a", "b").wide(12);
        let mut y = 0;
        let example = Row {
            title: "row",
            panels: vec![figure(), lines, figure()],
        };
        let (heading, places) = row(&example, &mut y);
        assert_eq!((heading.y, heading.w), (0, 24));
        let at: Vec<_> = places.iter().map(|place| (place.x, place.y)).collect();
        assert_eq!(at, [(0, 1), (12, 1), (0, 9)]);
        assert_eq!(y, 13);
    }
}
