//! Where things are on the screen, for the renderer and for keys that move by a page.
//!
//! Small terminals lose ornaments first: margins, borders, then the headings; the list is always there.

use ratatui::layout::{Margin, Rect};

/// The parts of the main screen; parts for which there is no room have no height.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    /// The title of the tree.
    pub title: Rect,
    /// Where in the tree.
    pub path: Rect,
    /// The frame around the list; equal to the list if there is no room for it.
    pub frame: Rect,
    /// The rows.
    pub list: Rect,
    /// What is known about the selected row, or what just happened.
    pub status: Rect,
    /// The keys.
    pub keys: Rect,
}

/// Divides the screen.
pub fn screen(area: Rect) -> Screen {
    let mut rest = area;
    let mut top = |wanted: bool| take(&mut rest, wanted, true);
    let title = top(area.height >= 6);
    let path = top(area.height >= 3);
    let mut bottom = |wanted: bool| take(&mut rest, wanted, false);
    let keys = bottom(area.height >= 5);
    let status = bottom(area.height >= 4);
    let framed = area.height >= 14 && area.width >= 50;
    let list = if framed {
        rest.inner(Margin::new(2, 1))
    } else {
        rest
    };
    Screen {
        title,
        path,
        frame: rest,
        list,
        status,
        keys,
    }
}

fn take(rest: &mut Rect, wanted: bool, top: bool) -> Rect {
    if !wanted || rest.height == 0 {
        return Rect::new(rest.x, rest.y, rest.width, 0);
    }
    rest.height -= 1;
    if top {
        rest.y += 1;
        Rect::new(rest.x, rest.y - 1, rest.width, 1)
    } else {
        Rect::new(rest.x, rest.bottom(), rest.width, 1)
    }
}

/// A window over the list: its frame, and within it a heading, the content and a line with its keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// The frame.
    pub frame: Rect,
    /// Lines before the content.
    pub head: Rect,
    /// The content.
    pub body: Rect,
    /// The line with the keys.
    pub foot: Rect,
}

/// A window with `head` lines before a body of at most `body` lines.
pub fn window(area: Rect, head: usize, body: usize) -> Window {
    let roomy = area.width >= 60 && area.height >= 16;
    let space = if roomy {
        // Over the frame of the list, so that the title and the status stay.
        area.inner(Margin::new(0, 2))
    } else {
        area
    };
    let line = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let height = line(head)
        .saturating_add(line(body))
        .saturating_add(3)
        .min(space.height);
    let frame = Rect {
        y: space.y + (space.height - height) / 2,
        height,
        ..space
    };
    let inner = if frame.height >= 3 && frame.width >= 6 {
        frame.inner(Margin::new(2, 1))
    } else {
        frame
    };
    let foot_height = u16::from(inner.height >= 3);
    let head_height = line(head).min(inner.height.saturating_sub(foot_height));
    let body_height = inner.height - foot_height - head_height;
    Window {
        frame,
        head: Rect {
            height: head_height,
            ..inner
        },
        body: Rect {
            y: inner.y + head_height,
            height: body_height,
            ..inner
        },
        foot: Rect {
            y: inner.bottom() - foot_height,
            height: foot_height,
            ..inner
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_leaves_room_for_the_list_and_nothing_leaves_the_screen() {
        for width in 0..100 {
            for height in 0..40 {
                let area = Rect::new(0, 0, width, height);
                let parts = screen(area);
                for part in [
                    parts.title,
                    parts.path,
                    parts.list,
                    parts.status,
                    parts.keys,
                ] {
                    assert_eq!(part.intersection(area), part, "{width}x{height}");
                }
                assert!(height == 0 || parts.list.height > 0, "{width}x{height}");
                for head in 0..4 {
                    let parts = window(area, head, 100);
                    for part in [parts.frame, parts.head, parts.body, parts.foot] {
                        assert_eq!(part.intersection(area), part, "{width}x{height}");
                    }
                }
            }
        }
    }
}
