"""The record of decisions, in a database of its own."""

from slo.record.entries import CallerEntry as CallerEntry
from slo.record.entries import DecisionChange as DecisionChange
from slo.record.entries import Kind as Kind
from slo.record.entries import RecordEntry as RecordEntry
from slo.record.record import MOST_ENTRIES as MOST_ENTRIES
from slo.record.record import Record as Record
