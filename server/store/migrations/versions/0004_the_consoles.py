"""The consoles"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_key',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('scopes', sa.Text(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('made', sa.BigInteger(), nullable=False),
    sa.Column('used', sa.BigInteger(), nullable=True),
    sa.Column('revoked', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_key')),
    sa.UniqueConstraint('hash', name=op.f('uq_api_key_hash'))
    )
    op.create_table('companion',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('room', sa.String(length=64), nullable=False),
    sa.Column('delegation', sa.Text(), nullable=False),
    sa.Column('bodies', sa.Integer(), nullable=False),
    sa.Column('act', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('settled', sa.Boolean(), server_default=sa.text('0') if op.get_bind().dialect.name == 'sqlite' else sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_companion'))
    )
    op.create_table('export',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('format', sa.String(length=16), nullable=False),
    sa.Column('filters', sa.Text(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('rows', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('total', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('file', sa.Text(), server_default='', nullable=False),
    sa.Column('bytes', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('problem', sa.Text(), server_default='', nullable=False),
    sa.Column('ended', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_export'))
    )
    op.create_table('kept_count',
    sa.Column('session', sa.String(length=64), nullable=False),
    sa.Column('delegation', sa.String(length=200), nullable=False),
    sa.Column('category', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('session', 'delegation', 'category', name=op.f('pk_kept_count'))
    )
    op.create_table('roll_call',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('room', sa.String(length=64), nullable=False),
    sa.Column('begun', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('ended', sa.BigInteger(), nullable=True),
    sa.Column('ended_by', sa.String(length=64), server_default='', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_roll_call'))
    )
    op.create_table('setting',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('edition', sa.Integer(), server_default='1', nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_setting'))
    )
    op.create_table('trail',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('what', sa.String(length=48), nullable=False),
    sa.Column('about', sa.String(length=24), nullable=False),
    sa.Column('ref', sa.String(length=200), nullable=False),
    sa.Column('facts', sa.Text(), nullable=False),
    sa.Column('address', sa.String(length=45), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trail')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('trail', schema=None) as batch_op:
        batch_op.create_index('ix_trail_about', ['about', 'ref'], unique=False)
        batch_op.create_index('ix_trail_at', ['at'], unique=False)

    op.create_table('incident_note',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('incident', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['incident'], ['incident.id'], name=op.f('fk_incident_note_incident_incident')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident_note'))
    )
    with op.batch_alter_table('incident_note', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_incident_note_incident'), ['incident'], unique=False)

    op.create_table('login',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.LargeBinary(), nullable=False),
    sa.Column('begun', sa.BigInteger(), nullable=False),
    sa.Column('seen', sa.BigInteger(), nullable=False),
    sa.Column('address', sa.String(length=45), nullable=False),
    sa.Column('agent', sa.String(length=200), nullable=False),
    sa.Column('ended', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['user'], ['user.id'], name=op.f('fk_login_user_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login'))
    )
    with op.batch_alter_table('login', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_user'), ['user'], unique=False)

    op.create_table('roll_mark',
    sa.Column('roll_call', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('holder', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('how', sa.String(length=8), nullable=False),
    sa.Column('safe', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['roll_call'], ['roll_call.id'], name=op.f('fk_roll_mark_roll_call_roll_call')),
    sa.PrimaryKeyConstraint('roll_call', 'holder', name=op.f('pk_roll_mark'))
    )
    op.create_table('quota',
    sa.Column('session', sa.String(length=64), nullable=False),
    sa.Column('delegation', sa.String(length=200), nullable=False),
    sa.Column('most', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['session'], ['session.id'], name=op.f('fk_quota_session_session')),
    sa.PrimaryKeyConstraint('session', 'delegation', name=op.f('pk_quota'))
    )
    op.create_table('printed',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('serial', sa.Integer(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False),
    sa.Column('what', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['serial'], ['badge.serial'], name=op.f('fk_printed_serial_badge')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_printed'))
    )
    with op.batch_alter_table('printed', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_printed_serial'), ['serial'], unique=False)

    with op.batch_alter_table('badge', schema=None) as batch_op:
        batch_op.alter_column('person',
               existing_type=sa.INTEGER(),
               nullable=True)

    with op.batch_alter_table('device', schema=None) as batch_op:
        batch_op.add_column(sa.Column('label', sa.Text(), server_default='', nullable=False))

    with op.batch_alter_table('gate', schema=None) as batch_op:
        batch_op.add_column(sa.Column('edition', sa.Integer(), server_default='1', nullable=False))

    with op.batch_alter_table('incarnation', schema=None) as batch_op:
        batch_op.add_column(sa.Column('programme', sa.BigInteger(), server_default='0', nullable=False))

    with op.batch_alter_table(
        'person',
        schema=None,
        recreate='always' if op.get_bind().dialect.name == 'sqlite' else 'auto',
        table_kwargs={'sqlite_autoincrement': True},
    ) as batch_op:
        batch_op.add_column(sa.Column('edition', sa.Integer(), server_default='1', nullable=False))
        batch_op.create_index('ix_person_delegation', ['delegation'], unique=False)

    with op.batch_alter_table('room', schema=None) as batch_op:
        batch_op.add_column(sa.Column('only', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('edition', sa.Integer(), server_default='1', nullable=False))

    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('edition', sa.Integer(), server_default='1', nullable=False))

    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('totp', sa.String(length=64), server_default='', nullable=False))
        batch_op.add_column(sa.Column('totp_step', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('recovery', sa.Text(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('language', sa.String(length=35), server_default='', nullable=False))

    op.create_index(
        'ix_passage_unusual',
        'passage',
        ['verdict', 'id'],
        sqlite_where=sa.text("verdict <> 'accepted'"),
        postgresql_where=sa.text("verdict <> 'accepted'"),
    )
    op.create_index(
        'ix_passage_why',
        'passage',
        ['why', 'session', 'kind', 'count'],
        sqlite_where=sa.text("why <> ''"),
        postgresql_where=sa.text("why <> ''"),
    )
