//! Every table on one page, with its key order. Numbers in keys are big-endian, so that byte order is number order.
//! Values are records of `records` (a version byte, then postcard) unless said otherwise.

/// A table, by its name in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table(pub &'static str);

/// `name` -> the schema version (`schema`), the secret of this server (`secret`), counters, the preferences of the server
/// (`preferences`), the lap of the write-ahead log that follows what is in the file (`lap`, 8 bytes).
pub const META: Table = Table("meta");
/// `domain name` -> domain record.
pub const DOMAINS: Table = Table("domains");
/// `account` -> account record (address, settings, rights).
pub const ACCOUNTS: Table = Table("accounts");
/// `domain 0 name` -> account.
pub const ACCOUNT_NAMES: Table = Table("account_names");
/// `domain 0 name` -> how far the name of a removed account has been taken out of lists of rights (`departed`).
pub const DEPARTED: Table = Table("departed");
/// `account` -> credential record: verifiers only.
pub const CREDENTIALS: Table = Table("credentials");
/// `account` -> counters that change with every mail: change number, next item id, bytes used.
pub const ACCOUNT_STATE: Table = Table("account_state");
/// `account` -> when and from where it was last logged in to, and last not.
pub const ACTIVITY: Table = Table("activity");
/// `account change` -> time and text of an alert, until a session has shown it.
pub const ALERTS: Table = Table("alerts");
/// `account, directory, name` -> a file or a directory in it (`files`): its number, where its bytes are, its times.
pub const FILE_NAMES: Table = Table("file_names");
/// `account, file` -> the attributes of a file or a directory, XML elements.
pub const FILE_ATTRIBUTES: Table = Table("file_attributes");
/// `account, content, number` -> raw bytes, as many in each as `files::CHUNK` says.
pub const FILE_CHUNKS: Table = Table("file_chunks");
/// `account` -> how many files and bytes an account has, and the last number given.
pub const FILE_USAGE: Table = Table("file_usage");
/// `account, content` -> nothing: bytes that no name leads to and that are being cleared away; content 0 for all of an account's.
pub const FILE_GARBAGE: Table = Table("file_garbage");
/// `account` -> dictionary of the account's own preferences.
pub const PREFERENCES: Table = Table("preferences");
/// `account` -> dictionary of what the account tells the public of itself.
pub const PUBLIC_INFO: Table = Table("public_info");
/// `account name` -> what the name stands for: a mailbox, a folder of mailboxes, or both.
pub const MAILBOX_NAMES: Table = Table("mailbox_names");
/// `mailbox` -> mailbox record (owner, name, class, rights, UIDVALIDITY).
pub const MAILBOXES: Table = Table("mailboxes");
/// `account name` -> the mailbox another name leads to.
pub const MAILBOX_ALIASES: Table = Table("mailbox_aliases");
/// `account name` -> nothing: the subscription set.
pub const SUBSCRIPTIONS: Table = Table("subscriptions");
/// `mailbox block` -> the rows of up to 64 messages, packed (`ledger`): all that sorting by number, flags and date needs.
/// `mailbox 2^32-2 uid` -> envelope: the decoded header fields that lists show and sort by.
/// `mailbox 2^32-1` -> counters that change with every message (UIDNEXT, messages, unseen, size...).
pub const LEDGER: Table = Table("ledger");
/// `mailbox uid` -> dictionary of message attributes.
pub const MESSAGE_ATTRIBUTES: Table = Table("message_attributes");
/// `blob` -> blob record: how many messages share it, its length, the length of its header. The last one outlives its blob.
/// `blob offset` -> raw bytes from there on; the first chunks hold the header, a body begins a chunk of its own.
pub const BLOBS: Table = Table("blobs");
/// `mailbox field chunk` -> a sorted order as it was at a change number (`orders`): UIDs, packed.
pub const ORDERS: Table = Table("orders");
/// `due time, queue id` -> nothing: what the queue does next.
pub const QUEUE_DUE: Table = Table("queue_due");
/// `queue id` -> queue record: one message to one or more recipients elsewhere.
pub const QUEUE: Table = Table("queue");

/// `mailbox` -> nothing: mailboxes that are gone and whose rows are being cleared away (`mailboxes::sweep`).
pub const GARBAGE: Table = Table("garbage");
/// `mailbox, first UID` -> a segment of the search index: which messages it covers (`search`).
pub const SEARCH_SEGMENTS: Table = Table("search_segments");
/// `mailbox, first UID, scope, bucket` -> terms and the messages of the segment that hold them, packed (`postings`).
pub const SEARCH_TERMS: Table = Table("search_terms");
/// `account number` -> an instant message that waits for a session of the account.
pub const OFFLINE_IMS: Table = Table("offline_ims");
/// `mailbox` -> how far the calendar index of a mailbox is (`calendars`); none for a mailbox never opened as a calendar.
pub const CALENDAR_HEADS: Table = Table("calendar_heads");
/// `mailbox uid` -> the items that a message holds, and where their rows by time lie.
pub const CALENDAR_ITEMS: Table = Table("calendar_items");
/// `mailbox part number uid series` -> what a find shows of a series; the number is a slot of time, or the end.
pub const CALENDAR_TIMES: Table = Table("calendar_times");
/// `mailbox digest-of-item-uid uid` -> nothing: the messages that hold an item.
pub const CALENDAR_UIDS: Table = Table("calendar_uids");
/// `account address` -> a contact of the account, or whoever has only asked.
pub const ROSTER: Table = Table("roster");
/// `account group` -> nothing: the groups of an account's roster.
pub const ROSTER_GROUPS: Table = Table("roster_groups");
/// `account set 0 name` -> meeting.
pub const MEETINGS: Table = Table("meetings");

/// All of them, made when a store is made.
pub const ALL: &[Table] = &[
    META,
    DOMAINS,
    ACCOUNTS,
    ACCOUNT_NAMES,
    DEPARTED,
    CREDENTIALS,
    ACCOUNT_STATE,
    ACTIVITY,
    ALERTS,
    FILE_NAMES,
    FILE_ATTRIBUTES,
    FILE_CHUNKS,
    FILE_USAGE,
    FILE_GARBAGE,
    PREFERENCES,
    PUBLIC_INFO,
    MAILBOX_NAMES,
    MAILBOXES,
    MAILBOX_ALIASES,
    SUBSCRIPTIONS,
    LEDGER,
    MESSAGE_ATTRIBUTES,
    BLOBS,
    ORDERS,
    QUEUE_DUE,
    QUEUE,
    GARBAGE,
    SEARCH_SEGMENTS,
    SEARCH_TERMS,
    OFFLINE_IMS,
    ROSTER,
    ROSTER_GROUPS,
    MEETINGS,
    CALENDAR_HEADS,
    CALENDAR_ITEMS,
    CALENDAR_TIMES,
    CALENDAR_UIDS,
];
