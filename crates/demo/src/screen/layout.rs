//! Which panels find room on a screen of any size.

use ratatui::text::Line;

/// A title and the lines under it.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) title: Line<'static>,
    pub(super) lines: Vec<Line<'static>>,
    /// How badly it is wanted: 0 goes in first.
    pub(super) rank: u8,
    /// Lines below which it isn't worth its title.
    pub(super) lines_min: usize,
    /// Whether its last lines matter most.
    pub(super) tail: bool,
    /// Shown beside the panel before it.
    pub(super) beside: bool,
}

impl Panel {
    pub(super) fn new(title: Line<'static>, lines: Vec<Line<'static>>, rank: u8) -> Self {
        Self {
            title,
            lines_min: lines.len(),
            lines,
            rank,
            tail: false,
            beside: false,
        }
    }
}

/// How many lines of each panel fit into `height` rows, titles aside; `None`
/// for those without any. A panel beside another one costs what it is taller.
pub(super) fn fit(panels: &[Panel], height: usize) -> Vec<Option<usize>> {
    let mut fitted = vec![None; panels.len()];
    let mut left = height;
    let mut by_rank: Vec<_> = panels.iter().enumerate().collect();
    by_rank.sort_by_key(|(_, panel)| panel.rank);
    for (index, panel) in by_rank {
        if panel.beside {
            fitted[index] = fitted[index - 1].map(|lines: usize| lines.min(panel.lines.len()));
            continue;
        }
        let lines = panel.lines.len().min(left.saturating_sub(1));
        if lines > 0 && lines >= panel.lines_min {
            fitted[index] = Some(lines);
            left -= lines + 1;
        }
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(lines: usize, rank: u8, lines_min: usize) -> Panel {
        Panel {
            lines_min,
            ..Panel::new(Line::default(), vec![Line::default(); lines], rank)
        }
    }

    #[test]
    fn what_is_wanted_most_goes_in_first() {
        let panels = [panel(3, 0, 3), panel(4, 2, 4), panel(6, 1, 2)];
        assert_eq!(fit(&panels, 40), [Some(3), Some(4), Some(6)]);
        assert_eq!(fit(&panels, 11), [Some(3), None, Some(6)]);
        assert_eq!(fit(&panels, 8), [Some(3), None, Some(3)]);
        assert_eq!(fit(&panels, 6), [Some(3), None, None]);
        assert_eq!(fit(&panels, 0), [None, None, None]);
    }

    #[test]
    fn a_panel_beside_another_costs_nothing() {
        let mut panels = [panel(3, 0, 3), panel(3, 0, 3)];
        panels[1].beside = true;
        assert_eq!(fit(&panels, 4), [Some(3), Some(3)]);
        assert_eq!(fit(&panels, 3), [None, None]);
    }
}
