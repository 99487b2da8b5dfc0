#!/bin/sh
# Ends with 0 where the gate lets through, else with another code: 22 for no, any other for no answer.
# SLO_URL is the service, such as https://slo.example.com; SLO_TOKEN a token of the role decide, if it asks for one.
exec curl --silent --show-error --fail-with-body --max-time 10 --retry 2 \
  ${SLO_TOKEN:+--header "Authorization: Bearer $SLO_TOKEN"} \
  "$SLO_URL/budget/check?gate=deploy"
