"""The URLs of calls about people: lists, and what they agreed to hear of."""

from django.urls import URLPattern, URLResolver

from config.calls import call
from transactional.api import preferences_v3 as v3
from transactional.api import preferences_v4 as v4
from transactional.api import suppressions
from transactional.api.double_opt_in import DoubleOptIns
from transactional.api.lists import AddMembers, ListById, Lists, Members, RemoveMembers

LISTS = "api/v1/lists"
SUPPRESSED = "api/v1/suppressions"
ROOT = "communication-preferences"
DATED = f"{ROOT}/2026-09"

urlpatterns: list[URLPattern | URLResolver] = [
    *call(LISTS, Lists.as_view()),
    *call(f"{LISTS}/<str:list_id>", ListById.as_view()),
    *call(f"{LISTS}/<str:list_id>/contacts", Members.as_view()),
    *call(f"{LISTS}/<str:list_id>/contacts/add", AddMembers.as_view()),
    *call(f"{LISTS}/<str:list_id>/contacts/remove", RemoveMembers.as_view()),
    *call(SUPPRESSED, suppressions.Suppressions.as_view()),
    # Before the calls of one address, which these words could be taken for
    *call(f"{SUPPRESSED}/undo", suppressions.SuppressionUndo.as_view()),
    *call(f"{SUPPRESSED}/import", suppressions.SuppressionImport.as_view()),
    *call(f"{SUPPRESSED}/export", suppressions.SuppressionExport.as_view()),
    *call(f"{SUPPRESSED}/<str:suppression_id>", suppressions.SuppressionById.as_view()),
    *call("api/v1/double-opt-ins", DoubleOptIns.as_view()),
    *call(f"{ROOT}/v3/definitions", v3.Definitions.as_view()),
]
for _root in (f"{ROOT}/v3", DATED):
    urlpatterns += [
        *call(f"{_root}/status/email/<str:email>", v3.StatusOfEmail.as_view()),
        *call(f"{_root}/subscribe", v3.Subscribe.as_view()),
        *call(f"{_root}/unsubscribe", v3.Unsubscribe.as_view()),
    ]
urlpatterns += call(f"{DATED}/resubscribe", v3.Resubscribe.as_view())
for _root in (f"{ROOT}/v4", DATED):
    urlpatterns += [
        *call(f"{_root}/definitions", v4.Definitions.as_view()),
        *call(f"{_root}/links/generate", v4.Links.as_view()),
        # Before the calls of one address, which `batch` could be taken for
        *call(f"{_root}/statuses/batch/read", v4.BatchRead.as_view()),
        *call(f"{_root}/statuses/batch/write", v4.BatchWrite.as_view()),
        *call(f"{_root}/statuses/batch/unsubscribe-all", v4.BatchLeaveAll.as_view()),
        *call(f"{_root}/statuses/batch/unsubscribe-all/read", v4.BatchLeftAll.as_view()),
        *call(f"{_root}/statuses/<str:email>", v4.Statuses.as_view()),
        *call(f"{_root}/statuses/<str:email>/unsubscribe-all", v4.LeaveAll.as_view()),
    ]
