import pytest
from django.contrib.auth.models import User
from django.test import Client
from catalog.feeds import runs
from catalog.feeds.models import Feed
from catalog.importing import jobs
from tests.fed_shop import numbered, table
from tests.staff.test_import_page import in_thread
pytestmark = [pytest.mark.django_db(transaction=True)]

def test_shots(live_server, fed, browser):
    def make():
        user = User.objects.create_superuser("root")
        c = Client(); c.force_login(user)
        oak = fed("Oak & Co", every=60)
        Feed.objects.filter(pk=oak.feed.pk).update(address=oak.feed.address.replace("http://", "http://me:hush@").replace("Oak & Co","oak") )
        oak.web.says("/oak", table(*numbered(40), more="CH-99,,Chair,1,true\n")); 
        def go(feed=oak):
            Feed.objects.filter(pk=feed.feed.pk).update(next_run=feed.feed.created_at); runs.work(60); jobs.work(60)
        go()
        oak.web.says("/oak", table(*numbered(38), price="4")); go()
        oak.web.says("/oak", table(*numbered(20))); go()
        pine = fed("Pine", every=15); Feed.objects.filter(pk=pine.feed.pk).update(address=pine.web.url("/nothing")); go(pine); go(pine); go(pine)
        elm = fed("Elm"); elm.web.says("/Elm", table("E-1")); go(elm)
        return c.cookies["sessionid"].value, oak.feed.pk, pine.feed.pk, oak.last.pk
    session, oak, pine, run = in_thread(make)
    for width in (1280, 390):
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        for name, path in {"list": "/admin/catalog/feed/", "add": "/admin/catalog/feed/add/", "waits": f"/admin/catalog/feed/{oak}/change/", "failed": f"/admin/catalog/feed/{pine}/change/", "run": f"/admin/catalog/import/{run}/change/?outcome=gone", "front": "/admin/", "imports": "/admin/catalog/import/"}.items():
            page.goto(live_server.url + path)
            page.wait_for_timeout(400)
            wide = page.evaluate("document.documentElement.scrollWidth")
            print(name, width, wide)
            page.screenshot(path=f"/tmp/feeds-shots/{name}-{width}.png", full_page=True)
        context.close()
