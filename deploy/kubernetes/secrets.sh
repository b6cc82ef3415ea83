#!/bin/sh
# Written by `huiyin kubernetes`: do not edit.
# Puts the files of a folder that `huiyin secrets FOLDER` made into the cluster; what is there is replaced.
set -eu
cd "${1:?the folder of the secrets}"
put() {
  name=$1
  shift
  for file; do
    set -- "$@" "--from-file=$file"
    shift
  done
  kubectl -n huiyin create secret generic "$name" "$@" --dry-run=client -o yaml | kubectl apply -f -
}
put apply postgres_admin postgres_ingest postgres_room_state postgres_vika_sync postgres_vika_reconcile postgres_feishu_alerter postgres_performance postgres_operator postgres_reader nats_admin nats_ingest nats_room_state nats_vika_sync nats_vika_reconcile nats_feishu_alerter nats_performance nats_operator nats_reader webhook_import gateway_token watchdog_fallback_url watchdog_fallback_secret vika_sync_token vika_reconcile_token feishu_app_secret feishu_encrypt_key feishu_verification_token watchdog_heartbeat_url board_session_key huoban_api_key
put ingest postgres_ingest nats_ingest webhook_import gateway_token watchdog_fallback_url watchdog_fallback_secret
put room-state postgres_room_state nats_room_state
put vika-sync postgres_vika_sync nats_vika_sync vika_sync_token
put vika-reconcile postgres_vika_reconcile nats_vika_reconcile vika_reconcile_token
put feishu-alerter postgres_feishu_alerter nats_feishu_alerter feishu_app_secret feishu_encrypt_key feishu_verification_token watchdog_fallback_url watchdog_fallback_secret watchdog_heartbeat_url board_session_key
put performance postgres_performance nats_performance board_session_key feishu_app_secret huoban_api_key
put gateway gateway_token
