//! Message sets, viewer fields and folder looks in XML. Spec: XIMSS, "Mailbox Operations".

use super::attributes::ClientName;
use crate::domain::folder::fields::Sorting;
use crate::domain::folder::filter::{Filter, Selection};
use crate::domain::folder::view::{Entry, Look};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::Uid;
use crate::model::time::Zone;
use crate::model::viewer::{ViewerField, ViewerValue};
use crate::xml::{Attr, Element, FromAttr};

/// The attribute `folder`.
pub const FOLDER: Attr<ClientName> = Attr::new("folder", "the session's name for the folder");
/// The attribute `UID`.
pub const UID: Attr<Uid> = Attr::new("UID", "the message");

/// The most elements of one message set.
const MOST_RANGES: usize = 10_000;
/// The most viewer fields of a folder.
const MOST_FIELDS: usize = 64;

/// Messages as a client names them: by UID or by position, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageSet {
    /// Ranges of UIDs, both ends included.
    Uids(Vec<(Uid, Uid)>),
    /// Ranges of positions, both ends included.
    Positions(Vec<(usize, usize)>),
}

impl MessageSet {
    /// A body that `read` takes.
    pub const SAMPLE: &'static str = r#"<UID>1</UID><UID from="3" till="5"/>"#;

    /// Reads the body of a request. An empty set is refused.
    pub fn read(request: &Element) -> Outcome<Self> {
        let (uids, positions) = (ranges(request, "UID")?, ranges(request, "index")?);
        match (uids.is_empty(), positions.is_empty()) {
            (true, true) => Err(Fault::bad("message set is missing")),
            (false, false) => Err(Fault::bad("a message set cannot have both UID and index elements")),
            (false, true) => Ok(Self::Uids(uids.into_iter().map(|(a, b)| (Uid(a), Uid(b))).collect())),
            (true, false) => Ok(Self::Positions(positions.into_iter().map(|(a, b)| (a as usize, b as usize)).collect())),
        }
    }

    /// The positions and UIDs of those messages of the set that the folder shows, in order of the set and then of position.
    pub fn shown(&self, entries: &[Entry]) -> Vec<(usize, Uid)> {
        let at = |index: usize| entries.get(index).map(|entry| (index, entry.uid));
        match self {
            Self::Positions(ranges) => {
                let last = entries.len().saturating_sub(1);
                let all = ranges.iter().flat_map(|(from, till)| (*from..=(*till).min(last)).filter_map(at));
                all.take(entries.len().saturating_mul(2)).collect()
            }
            Self::Uids(ranges) => {
                let mut merged = ranges.clone();
                merged.sort_unstable();
                merged.dedup_by(|next, before| {
                    next.0 <= before.1 && {
                        before.1 = before.1.max(next.1);
                        true
                    }
                });
                let within = |uid: Uid| {
                    let after = merged.partition_point(|(from, _)| *from <= uid);
                    after.checked_sub(1).and_then(|i| merged.get(i)).is_some_and(|(_, till)| uid <= *till)
                };
                let fits = entries.iter().enumerate().filter(|(_, entry)| within(entry.uid));
                fits.map(|(index, entry)| (index, entry.uid)).collect()
            }
        }
    }
}

fn ranges(request: &Element, name: &str) -> Outcome<Vec<(u32, u32)>> {
    let mut out = Vec::new();
    for element in request.named(name) {
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| Fault::incorrect(name));
        let range = match (element.get("from"), element.get("till")) {
            (None, None) => number(&element.body()).map(|n| (n, n))?,
            (from, till) => (from.map_or(Ok(0), number)?, till.map_or(Ok(u32::MAX), number)?),
        };
        if range.0 <= range.1 {
            out.push(range);
        } else {
            // A range that ends before it begins holds nothing, but is a set all the same.
            out.push((u32::MAX, u32::MAX));
        }
        if out.len() > MOST_RANGES {
            return Err(Fault::bad("message set is too long"));
        }
    }
    Ok(out)
}

/// Reads the `field` elements of a request.
pub fn viewer_fields(request: &Element) -> Outcome<Vec<ViewerField>> {
    let fields = request.named("field").map(|field| field.body().trim().parse().map_err(|_| Fault::incorrect("field")));
    let fields = fields.collect::<Outcome<Box<[ViewerField]>>>()?.into_vec();
    if fields.len() > MOST_FIELDS { Err(Fault::bad("too many fields")) } else { Ok(fields) }
}

/// `asc` or `desc`; every other value is `asc`, as the specification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortOrder {
    descending: bool,
}

impl FromAttr for SortOrder {
    const KIND: &'static str = "asc or desc";
    const SAMPLE: &'static str = "desc";
    fn from_attr(text: &str) -> Option<Self> {
        Some(Self { descending: text.trim().eq_ignore_ascii_case("desc") })
    }
}

impl FromAttr for ViewerField {
    const KIND: &'static str = "field name";
    const SAMPLE: &'static str = "Date";
    fn from_attr(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

/// The attribute `sortField`.
pub const SORT_FIELD: Attr<ViewerField> = Attr::new("sortField", "the field to sort by; without it: by UID");
/// The attribute `sortOrder`.
pub const SORT_ORDER: Attr<SortOrder> = Attr::new("sortOrder", "desc: greatest first");
/// The attribute `filter`.
pub const FILTER: Attr<String> = Attr::new("filter", "only messages that hold this text, or have these flags");
/// The attribute `filterField`.
pub const FILTER_FIELD: Attr<String> = Attr::new("filterField", "where to look for it: a field name, FLAGS, or body; without it: anywhere");
/// The attribute `hideDeleted`.
pub const HIDE_DELETED: Attr<crate::xml::attr::YesNo> =
    Attr::new("hideDeleted", "leave messages with the Deleted flag out; without it: by DeleteMode");
/// The attribute `UIDValidity`.
pub const UID_VALIDITY: Attr<u32> = Attr::new("UIDValidity", "the UIDVALIDITY that UIDMin belongs to");
/// The attribute `UIDMin`.
pub const UID_MIN: Attr<Uid> = Attr::new("UIDMin", "the least UID");

/// How a folder is to look; `hide_deleted` is None where the preferences decide.
#[derive(Debug, Clone)]
pub struct AskedLook {
    sorting: Sorting,
    filter: Option<Filter>,
    hide_deleted: Option<bool>,
    uid_min: Option<(u32, Uid)>,
}

impl AskedLook {
    /// Reads the attributes.
    pub fn read(request: &Element) -> Outcome<Self> {
        let field = SORT_FIELD.get(request)?.unwrap_or(ViewerField::Uid);
        let descending = SORT_ORDER.get(request)?.is_some_and(|order| order.descending);
        let filter_field = FILTER_FIELD.get(request)?;
        let filter = FILTER.get(request)?.map(|text| Filter::read(&text, filter_field.as_deref())).transpose()?;
        Ok(Self {
            sorting: Sorting { field, descending },
            filter,
            hide_deleted: HIDE_DELETED.get(request)?.map(|yes| yes.0),
            uid_min: UID_VALIDITY.get(request)?.zip(UID_MIN.get(request)?),
        })
    }

    /// The look, where `by_preference` says whether deleted messages are hidden.
    pub fn settled(self, by_preference: bool) -> Look {
        let hide_deleted = self.hide_deleted.unwrap_or(by_preference);
        Look { sorting: self.sorting, selection: Selection { filter: self.filter, hide_deleted, uid_min: self.uid_min } }
    }
}

/// The element of a viewer field.
pub fn viewer_value(field: &ViewerField, value: &ViewerValue, zone: &Zone) -> Element {
    let element = Element::new(field.to_string());
    match value {
        ViewerValue::Absent => element,
        ViewerValue::Text(text) => element.text(text.as_str()),
        ViewerValue::Date { at, .. } => element.with("localTime", at.local(zone)).text(at.gmt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flags::Flags;
    use crate::xml::read::{Limits, document};

    fn set(body: &str) -> Outcome<MessageSet> {
        MessageSet::read(&document(format!("<x>{body}</x>").as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn sets_are_by_uid_or_by_position() {
        let entries: Vec<Entry> = [9, 3, 7, 5].map(|uid| Entry { uid: Uid(uid), flags: Flags::NONE }).to_vec();
        let shown = |body: &str| set(body).unwrap().shown(&entries).into_iter().map(|(i, u)| (i, u.0)).collect::<Vec<_>>();
        assert_eq!(shown(r#"<index from="1" till="10000"/>"#), [(1, 3), (2, 7), (3, 5)]);
        assert_eq!(shown(r#"<UID from="4" till="8"/><UID>9</UID><UID>9</UID>"#), [(0, 9), (2, 7), (3, 5)]);
        assert_eq!(shown("<UID>4</UID>"), []);
        assert_eq!(shown(r#"<index from="3" till="1"/>"#), []);
        for bad in ["", "<UID>1</UID><index>1</index>", "<UID>x</UID>", "<index>-1</index>"] {
            assert!(set(bad).is_err(), "{bad}");
        }
    }
}
