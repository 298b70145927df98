"""Accounts in the admin: Django's own pages, styled like the others."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from rest_framework.authtoken.admin import TokenAdmin
from rest_framework.authtoken.models import TokenProxy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from staff.lists import StaffModelAdmin

admin.site.unregister([User, Group, TokenProxy])


@admin.register(User)
class StaffAdmin(UserAdmin, StaffModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    secret_fields = ("password",)
    compressed_fields = False  # A choice of permissions beside its label would be wider than the page.


@admin.register(Group)
class RoleAdmin(GroupAdmin, StaffModelAdmin):
    compressed_fields = False


@admin.register(TokenProxy)
class APITokenAdmin(TokenAdmin, StaffModelAdmin):
    secret_fields = ("key",)
