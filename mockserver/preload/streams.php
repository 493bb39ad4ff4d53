<?php
// Loaded first by every PHP program under `mockserver exec`: streams without a context of their own read no proxy from
// the environment. Those with one, and the curl extension, are as they are told.
if (getenv("MOCKSERVER_INTERCEPT") !== false && getenv("HTTPS_PROXY") !== false) {
    stream_context_set_default(["http" => ["proxy" => str_replace("http://", "tcp://", getenv("HTTPS_PROXY"))]]);
}
