"""Who trains and serves: one protocol, one small file per service; nobody else imports `openai`."""
