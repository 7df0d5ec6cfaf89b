//! Limits: what a client may ask for at most. The defaults are promises; the configuration may change them.

/// Bounds on sessions, messages, mail, calendars and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a XIMSS message before login; past it the connection closes.
    pub message_before_login: usize,
    /// Bytes of a XIMSS message in a session; past it the message is skipped to its end and refused.
    pub message: usize,
    /// XML elements inside each other.
    pub xml_depth: usize,
    /// Attributes of one XML element.
    pub xml_attributes: usize,
    /// Bytes of all attributes of one XML element.
    pub xml_attribute_bytes: usize,
    /// Requests that may wait in a session; past it the connection is not read.
    pub waiting_requests: usize,
    /// Bytes of output a client may leave unread; past it the session is closed.
    pub unread_output: usize,
    /// Sessions of one account.
    pub sessions_per_account: usize,
    /// Connections from one network address.
    pub sessions_per_address: usize,
    /// Seconds a client has to log in.
    pub login_time: u64,
    /// Seconds without a request after which a session ends.
    pub idle_time: u64,
    /// Failed logins of an account or from an address in a minute; past it all are refused for the minute.
    pub failed_logins: u32,
    /// Bytes of a SOAP request.
    pub soap_body: usize,
    /// Bytes of a mail.
    pub mail_size: usize,
    /// MIME parts inside each other; deeper ones stay unparsed.
    pub mime_depth: usize,
    /// MIME parts of a mail; further ones stay unparsed.
    pub mime_parts: usize,
    /// Bytes of one mail header; what lies beyond is not looked into.
    pub header_bytes: usize,
    /// Bytes of one calendar item with its exceptions.
    pub calendar_item: usize,
    /// Components of one calendar item.
    pub calendar_components: usize,
    /// Instances of one calendar item inside the window that was asked for.
    pub instances: usize,
    /// Days of one search in a calendar.
    pub find_days: usize,
    /// Bytes of a file's name, per level.
    pub file_name: usize,
    /// Levels of a file's name.
    pub path_depth: usize,
    /// Bytes of one file or upload.
    pub file_size: u64,
    /// Uploads of one session.
    pub uploads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_before_login: 64 << 10,
            message: 16 << 20,
            xml_depth: 64,
            xml_attributes: 128,
            xml_attribute_bytes: 64 << 10,
            waiting_requests: 256,
            unread_output: 8 << 20,
            sessions_per_account: 64,
            sessions_per_address: 128,
            login_time: 60,
            idle_time: 600,
            failed_logins: 10,
            soap_body: 16 << 20,
            mail_size: 64 << 20,
            mime_depth: 32,
            mime_parts: 2_000,
            header_bytes: 256 << 10,
            calendar_item: 1 << 20,
            calendar_components: 5_000,
            instances: 3_500,
            find_days: 3_700,
            file_name: 255,
            path_depth: 32,
            file_size: 256 << 20,
            uploads: 64,
        }
    }
}
