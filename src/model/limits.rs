//! STUB until the app branch lands
#[derive(Debug, Clone)]
pub struct Limits {
    pub message_before_login: usize,
    pub message: usize,
    pub xml_depth: usize,
    pub xml_attributes: usize,
    pub xml_attribute_bytes: usize,
    pub waiting_requests: usize,
    pub unread_output: usize,
    pub sessions_per_account: usize,
    pub sessions_per_address: usize,
    pub login_time: u64,
    pub idle_time: u64,
    pub failed_logins: u32,
    pub soap_body: usize,
    pub mail_size: usize,
    pub mime_depth: usize,
    pub mime_parts: usize,
    pub header_bytes: usize,
    pub file_name: usize,
    pub path_depth: usize,
    pub file_size: u64,
    pub uploads: usize,
}
impl Default for Limits {
    fn default() -> Self {
        Self {
            message_before_login: 65536,
            message: 16 << 20,
            xml_depth: 64,
            xml_attributes: 128,
            xml_attribute_bytes: 65536,
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
            mime_parts: 2000,
            header_bytes: 256 << 10,
            file_name: 255,
            path_depth: 32,
            file_size: 256 << 20,
            uploads: 64,
        }
    }
}
